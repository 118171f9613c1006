// Jobs as a table, with the details of the opened one.

import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import type { JobEntry } from "../../wire/api.ts";
import { pathTo, ROUTES } from "../../wire/routes.ts";
import { formatDuration, formatStamp } from "../format.ts";
import { useChange, useJob } from "../queries.ts";
import { fetchJson } from "../requests.ts";
import { DownloadFile } from "./download-file.tsx";
import { Facts } from "./facts.tsx";
import { JobProgress, JobStateBadge } from "./job-progress.tsx";
import { Problem } from "./notices.tsx";
import { column, RecordTable } from "./record-table.tsx";
import { useNow, When } from "./when.tsx";
import { WorkerName } from "./worker-list.tsx";

const COLUMNS = [
  column<JobEntry>("kind", "Job", (job) => <JobName job={job} />),
  column<JobEntry>("state", "State", (job) => <JobStateBadge job={job} />),
  column<JobEntry>("progress", "Progress", (job) => <JobProgress job={job} />),
  column<JobEntry>("time", "Added", (job) => <When at={job.createdAt} />),
  column<JobEntry>("actions", "", (job) => <JobActions job={job} />),
];

export function JobTable({
  jobs,
  open,
  onOpen,
}: {
  readonly jobs: readonly JobEntry[];
  readonly open: string;
  readonly onOpen: (id: string) => void;
}): ReactNode {
  return (
    <RecordTable
      label="Jobs"
      columns={COLUMNS}
      records={jobs}
      idOf={(job) => job.id}
      nameOf={(job) => `${job.kind} ${job.id}`}
      open={open}
      onOpen={onOpen}
      details={(job) => <JobDetails job={job} />}
    />
  );
}

function JobName({ job }: { readonly job: JobEntry }): ReactNode {
  return (
    <span className="name">
      {job.kind} <span className="dim">{rangeOf(job) ?? <code>{job.id.slice(0, 8)}</code>}</span>
    </span>
  );
}

/** The days of a merge: they tell jobs apart better than an id. */
function rangeOf({ input }: JobEntry): string | undefined {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return undefined;
  const { start, end } = input;
  if (typeof start !== "string" || typeof end !== "string") return undefined;
  return start === end ? start : `${start} to ${end}`;
}

function JobActions({ job }: { readonly job: JobEntry }): ReactNode {
  const cancel = useChange((id: string) => fetchJson(pathTo(ROUTES.job, { id }), { method: "DELETE" }));
  const retry = useChange((id: string) => fetchJson(pathTo(ROUTES.jobRetry, { id }), { method: "POST" }));
  const error = cancel.error ?? retry.error;
  return (
    <span className="actions">
      {job.rejects && <DownloadFile file={job.rejects} label="Rejects" />}
      {job.file && <DownloadFile file={job.file} label="Result" />}
      {(job.state === "queued" || job.state === "running") && !job.cancelRequested && (
        <Button
          size="compact-sm"
          variant="subtle"
          color="red"
          className="danger"
          onClick={() => cancel.mutate(job.id)}
        >
          Cancel
        </Button>
      )}
      {(job.state === "failed" || job.state === "cancelled") && (
        <Button size="compact-sm" variant="light" onClick={() => retry.mutate(job.id)}>
          Retry
        </Button>
      )}
      {error && (
        <span className="bad" role="alert">
          {error.message}
        </span>
      )}
    </span>
  );
}

export function JobDetails({ job }: { readonly job: JobEntry }): ReactNode {
  return (
    <div className="details">
      {job.error && <JobFailure job={job} />}
      <Facts
        facts={[
          ["Id", <code key="id">{job.id}</code>],
          ["Attempts", `${job.attempts} of ${job.maxAttempts}`],
          ["Worker", job.worker === null ? null : <WorkerName key="worker" name={job.worker} />],
          ["Added", formatStamp(job.createdAt)],
          ["Not before", job.runAt > job.createdAt && job.state === "queued" ? formatStamp(job.runAt) : null],
          ["Priority", job.priority === 0 ? null : job.priority],
          ["Started", job.startedAt === null ? null : formatStamp(job.startedAt)],
          ["Ended", job.finishedAt === null ? null : formatStamp(job.finishedAt)],
          ["Waited", waitedFor(job)],
          ["Took", job.startedAt === null ? null : <Took key="took" job={job} start={job.startedAt} />],
          ["Input", <code key="input">{JSON.stringify(job.input)}</code>],
          ["Result", job.result === null ? null : <code key="result">{JSON.stringify(job.result)}</code>],
        ]}
      />
      <JobLog id={job.id} />
    </div>
  );
}

/** The error of the last attempt: also while another attempt waits. */
function JobFailure({ job }: { readonly job: JobEntry }): ReactNode {
  if (!job.error) return null;
  return (
    <div className="failure" role={job.state === "failed" ? "alert" : undefined}>
      <strong>{job.state === "failed" ? "Failed" : "The last attempt failed"}</strong>{" "}
      <code>{job.error.code}</code>
      <p className="plain">{job.error.message}</p>
      {job.error.hint && <p className="plain dim">{job.error.hint}</p>}
    </div>
  );
}

/** Asked for by itself: lists come without the logs. */
function JobLog({ id }: { readonly id: string }): ReactNode {
  const { data, error } = useJob(id);
  if (error) return <Problem error={error} title="The log cannot be shown" />;
  if (!data || data.log.length === 0) return null;
  const lines = data.log.map((line) => `${new Date(line.at).toLocaleTimeString("en-GB")}  ${line.text}`);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section className="value" tabIndex={0} aria-label="Log">
      <pre>{lines.join("\n")}</pre>
    </section>
  );
}

/** From when it might have begun to its last start. */
function waitedFor({ startedAt, createdAt, runAt }: JobEntry): string | null {
  if (startedAt === null) return null;
  return formatDuration(startedAt - (runAt > createdAt && runAt <= startedAt ? runAt : createdAt));
}

function Took({ job, start }: { readonly job: JobEntry; readonly start: number }): ReactNode {
  const now = useNow(1000);
  return formatDuration((job.finishedAt ?? now) - start);
}
