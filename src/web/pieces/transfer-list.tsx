// The transfers and merges started on this page, each followed through to its result.

import { Button, CloseButton, Progress } from "@mantine/core";
import type { ReactNode } from "react";
import { formatBytes } from "../format.ts";
import { hrefTo } from "../location.ts";
import { useJob } from "../queries.ts";
import { dismiss, type Transfer, type TransferKind, useTransfers } from "../transfers.ts";
import { DownloadFile } from "./download-file.tsx";
import { JobProgress, JobStateBadge } from "./job-progress.tsx";
import { Problem } from "./notices.tsx";
import { useNow } from "./when.tsx";

/** Only those of `kinds`. */
export function TransferList({ kinds }: { readonly kinds: readonly TransferKind[] }): ReactNode {
  const transfers = useTransfers().filter(({ kind }) => kinds.includes(kind));
  if (transfers.length === 0) return null;
  return (
    <ul className="transfers card flush" aria-label="Started here">
      {transfers.map((transfer) => (
        <li key={transfer.id} data-kind={transfer.kind}>
          <div className="transfer-head">
            <strong className="name">
              {transfer.kind === "merge" ? `Merge of ${transfer.name}` : transfer.name}
            </strong>
            {transfer.size > 0 && <span className="dim">{formatBytes(transfer.size)}</span>}
          </div>
          <Stage transfer={transfer} />
        </li>
      ))}
    </ul>
  );
}

function Stage({ transfer }: { readonly transfer: Transfer }): ReactNode {
  const { fault, resume } = transfer;
  if (fault?.code === "cancelled") return <Paused transfer={transfer} />;
  if (fault) {
    return (
      <>
        <Problem error={fault} title={FAILED[transfer.kind]} onRetry={resume} />
        <Dismiss id={transfer.id} />
      </>
    );
  }
  if (transfer.jobId !== null) return <JobStage jobId={transfer.jobId} id={transfer.id} />;
  if (transfer.fileId !== null) return <FileStage transfer={transfer} fileId={transfer.fileId} />;
  return transfer.kind === "merge" ? (
    <span className="dim">Asking the server…</span>
  ) : (
    <Sending transfer={transfer} />
  );
}

const FAILED = {
  upload: "The upload did not finish",
  file: "The upload did not finish",
  merge: "The merge was not started",
  save: "The file was not saved",
} as const;

function Sending({ transfer }: { readonly transfer: Transfer }): ReactNode {
  const now = useNow(500);
  const isSaving = transfer.kind === "save";
  const whole = isSaving ? "All received" : "All sent; the server makes it a file";
  const share = shareOf(transfer);
  return (
    <>
      <div className="measure">
        <Progress value={share} size="sm" aria-label={`${share.toFixed(0)} % ${movedBy(transfer)}`} />
        <span>
          {transfer.sent >= transfer.size
            ? whole
            : `${share.toFixed(0)} % ${movedBy(transfer)}${paceOf(transfer, now)}`}
        </span>
      </div>
      <Button size="compact-sm" variant="default" onClick={transfer.pause}>
        Pause
      </Button>
    </>
  );
}

function Paused({ transfer }: { readonly transfer: Transfer }): ReactNode {
  const share = shareOf(transfer);
  return (
    <>
      <div className="measure">
        <Progress
          value={share}
          size="sm"
          color="gray.5"
          aria-label={`${share.toFixed(0)} % ${movedBy(transfer)}`}
        />
        <span>Paused at {share.toFixed(0)} %</span>
      </div>
      <span className="actions">
        <Button size="compact-sm" variant="light" onClick={transfer.resume}>
          Resume
        </Button>
        <Dismiss id={transfer.id} />
      </span>
    </>
  );
}

/** In percent. */
function shareOf({ size, sent }: Transfer): number {
  return size === 0 ? 100 : (sent / size) * 100;
}

function movedBy({ kind }: Transfer): string {
  return kind === "save" ? "received" : "sent";
}

/** How fast it is, or that it is not: the library goes on trying for a minute. */
function paceOf({ sent, resumed, startedAt, movedAt }: Transfer, now: number): string {
  if (now - movedAt > SILENT_MS) return " · no answer from the server, trying again";
  const seconds = (now - startedAt) / 1000;
  return seconds > 0.5 && sent > resumed ? ` · ${formatBytes((sent - resumed) / seconds)}/s` : "";
}

const SILENT_MS = 4_000;

function FileStage({
  transfer,
  fileId,
}: {
  readonly transfer: Transfer;
  readonly fileId: string;
}): ReactNode {
  return (
    <>
      <span className="dim">
        {transfer.kind === "save" ? "Saved, and its SHA-256 is right" : "Uploaded, and its SHA-256 is right"}
      </span>
      <span className="actions">
        <a href={hrefTo("files", { open: fileId })}>Show</a>
        <Dismiss id={transfer.id} />
      </span>
    </>
  );
}

function JobStage({ jobId, id }: { readonly jobId: string; readonly id: number }): ReactNode {
  const { data: job, error, refetch } = useJob(jobId);
  if (error) return <Problem error={error} title="The job's state is unknown" onRetry={refetch} />;
  if (!job) return <span className="dim">Looking for the job…</span>;
  return (
    <>
      <div className="transfer-job">
        <JobStateBadge job={job} />
        <JobProgress job={job} />
      </div>
      <div className="actions">
        {job.file && <DownloadFile file={job.file} label="Download result" />}
        <Button
          component="a"
          href={hrefTo("jobs", { open: job.id })}
          size="compact-sm"
          variant="subtle"
          color="gray"
        >
          Details
        </Button>
        {job.finishedAt !== null && <Dismiss id={id} />}
      </div>
    </>
  );
}

function Dismiss({ id }: { readonly id: number }): ReactNode {
  return <CloseButton size="sm" aria-label="Take off this page" onClick={() => dismiss(id)} />;
}
