// The server's state in a row of figures, and what an operator must not overlook.

import { Alert, Progress } from "@mantine/core";
import type { ReactNode } from "react";
import type { Status } from "../../wire/api.ts";
import { formatBytes, formatCount, formatDuration } from "../format.ts";
import { hrefTo } from "../location.ts";

/** Below this share of free space uploads will soon be refused. */
const LOW_DISK = 0.05;

export function Warnings({ status }: { readonly status: Status }): ReactNode {
  const waiting = status.jobs.queued;
  return (
    <>
      {status.workers === 0 && (
        <Alert
          color={waiting > 0 ? "red" : "orange"}
          variant={waiting > 0 ? "filled" : "light"}
          role="alert"
          title={waiting > 0 ? `${waitingJobs(waiting)}, and no worker is alive` : "No worker is alive"}
        >
          Jobs stay queued until a worker takes them. Start one with <code>cairn worker</code>, or run{" "}
          <code>cairn serve</code> with <code>--workers 1</code> or more.
        </Alert>
      )}
      {status.workersFailing !== undefined && (
        <Alert color="red" variant="light" role="alert" title="Worker processes do not live">
          They are started again and again; the last one {status.workersFailing}. The server's log says why.
        </Alert>
      )}
      {status.disk.total > 0 && status.disk.free / status.disk.total < LOW_DISK && (
        <Alert color="red" variant="light" role="alert" title="The disk is almost full">
          {formatBytes(status.disk.free)} are free on the data folder's disk. Uploads will soon be refused.
        </Alert>
      )}
    </>
  );
}

function waitingJobs(count: number): string {
  return count === 1 ? "1 job waits" : `${formatCount(count)} jobs wait`;
}

export function StatusTiles({ status }: { readonly status: Status }): ReactNode {
  const { jobs, disk } = status;
  const used = disk.total > 0 ? ((disk.total - disk.free) / disk.total) * 100 : 0;
  return (
    <>
      <div className="tiles">
        <Tile name="Keys" href={hrefTo("keys")} value={formatCount(status.keys)} note="memcached items" />
        <Tile
          name="Jobs running"
          href={hrefTo("jobs")}
          value={formatCount(jobs.running)}
          note={`${formatCount(jobs.queued)} queued, ${formatCount(jobs.succeeded)} succeeded`}
        />
        <Tile
          name="Jobs failed"
          href={hrefTo("jobs", { state: "failed" })}
          value={formatCount(jobs.failed)}
          note={`${formatCount(jobs.cancelled)} cancelled`}
          bad={jobs.failed > 0}
        />
        <Tile name="Workers" value={formatCount(status.workers)} note="alive" bad={status.workers === 0} />
        <Tile name="Disk free" value={formatBytes(disk.free)} note={`of ${formatBytes(disk.total)}`}>
          <Progress
            value={used}
            size="xs"
            color={used > 95 ? "red" : "moss"}
            aria-label={`${used.toFixed(0)} % used`}
          />
        </Tile>
      </div>
      <p className="server dim">
        Cairn {status.version}, up {formatDuration(status.uptime)}.{" "}
        {status.sync === "full"
          ? "Every acknowledged write is on disk (sync full)."
          : "A power cut may lose the last writes (sync normal)."}
      </p>
      {status.doors && status.doors.length > 0 && (
        <ul className="doors dim" aria-label="Doors">
          {status.doors.map((door) => (
            <li key={door.name + door.url}>
              {door.name} <code>{door.url}</code>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Tile(props: {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly href?: string;
  readonly bad?: boolean;
  readonly children?: ReactNode;
}): ReactNode {
  const inside = (
    <>
      <span className="tile-name">{props.name}</span>
      <strong className={props.bad ? "bad" : ""}>{props.value}</strong>
      <span className="dim">{props.note}</span>
      {props.children}
    </>
  );
  return props.href === undefined ? (
    <div className="tile">{inside}</div>
  ) : (
    <a className="tile" href={props.href}>
      {inside}
    </a>
  );
}
