// The workers that are alive, and what each of them does.

import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import type { WorkerEntry } from "../../wire/api.ts";
import { hrefTo } from "../location.ts";
import { When } from "./when.tsx";

export function WorkerList({ workers }: { readonly workers: readonly WorkerEntry[] }): ReactNode {
  return (
    <div className="records-frame">
      <Table aria-label="Workers" className="records workers" verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Worker</Table.Th>
            <Table.Th>Works on</Table.Th>
            <Table.Th className="col-time">Alive since</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {workers.map((worker) => (
            <Table.Tr key={worker.name} data-worker={worker.name}>
              <Table.Td>
                <WorkerName name={worker.name} />{" "}
                <span className="dim">{worker.own ? "of this server" : "started by itself"}</span>
              </Table.Td>
              <Table.Td>
                {worker.job ? <InHand job={worker.job} /> : <span className="dim">idle</span>}
              </Table.Td>
              <Table.Td className="col-time">
                <When at={worker.startedAt} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** Its machine and process; the rest tells it from others of the same pid. */
export function WorkerName({ name }: { readonly name: string }): ReactNode {
  return <code title={name}>{name.split(":").slice(0, 2).join(":")}</code>;
}

function InHand({ job }: { readonly job: NonNullable<WorkerEntry["job"]> }): ReactNode {
  const { done = 0, total = 0, phase = "" } = job.progress ?? {};
  return (
    <>
      <a href={hrefTo("jobs", { open: job.id })}>
        {job.kind} <code>{job.id.slice(0, 8)}</code>
      </a>{" "}
      <span className="dim">
        {phase}
        {total > 0 && ` · ${Math.min(100, (done / total) * 100).toFixed(0)} %`}
      </span>
    </>
  );
}
