// The kinds of jobs: how many there are of each in every state, and whether new ones are begun.

import { Badge, Button, Table } from "@mantine/core";
import type { ReactNode } from "react";
import type { JobEntry, KindEntry } from "../../wire/api.ts";
import { ROUTES } from "../../wire/routes.ts";
import { formatCount } from "../format.ts";
import { hrefTo } from "../location.ts";
import { useChange } from "../queries.ts";
import { postJson } from "../requests.ts";

const STATES: readonly JobEntry["state"][] = ["queued", "running", "succeeded", "failed", "cancelled"];

export function KindList({ kinds }: { readonly kinds: readonly KindEntry[] }): ReactNode {
  return (
    <div className="card flush">
      <div className="records-frame">
        <Table aria-label="Kinds of jobs" className="records kinds" verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Kind</Table.Th>
              {STATES.map((state) => (
                <Table.Th key={state} className="tally" data-count={state}>
                  {state}
                </Table.Th>
              ))}
              <Table.Th className="col-actions" aria-label="Pause or resume" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {kinds.map((kind) => (
              <KindRow key={kind.kind} kind={kind} />
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </div>
  );
}

function KindRow({ kind: { kind, paused, jobs } }: { readonly kind: KindEntry }): ReactNode {
  return (
    <Table.Tr data-kind={kind}>
      <Table.Td>
        <a href={hrefTo("jobs", { kind })}>{kind}</a>{" "}
        {paused && (
          <Badge variant="light" color="orange" title="Jobs of this kind wait; those that run go on">
            paused
          </Badge>
        )}
      </Table.Td>
      {STATES.map((state) => (
        <Table.Td key={state} className="tally" data-count={state}>
          {jobs[state] === 0 ? (
            <span className="dim">0</span>
          ) : (
            <a href={hrefTo("jobs", { kind, state })} aria-label={`${jobs[state]} ${state} ${kind} jobs`}>
              {formatCount(jobs[state])}
            </a>
          )}
        </Table.Td>
      ))}
      <Table.Td className="col-actions">
        <PauseButton kind={kind} paused={paused} />
      </Table.Td>
    </Table.Tr>
  );
}

function PauseButton({ kind, paused }: { readonly kind: string; readonly paused: boolean }): ReactNode {
  const change = useChange((path: string) => postJson(path, { kind }));
  return (
    <span className="actions">
      <Button
        size="compact-sm"
        variant={paused ? "light" : "subtle"}
        loading={change.isPending}
        aria-label={`${paused ? "Resume" : "Pause"} ${kind} jobs`}
        onClick={() => change.mutate(paused ? ROUTES.kindsResume : ROUTES.kindsPause)}
      >
        {paused ? "Resume" : "Pause"}
      </Button>
      {change.error && (
        <span className="bad" role="alert">
          {change.error.message}
        </span>
      )}
    </span>
  );
}
