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
  if (transfer.fault) {
    return (
      <>
        <Problem error={transfer.fault} title={FAILED[transfer.kind]} />
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
  const share = transfer.size === 0 ? 100 : (transfer.sent / transfer.size) * 100;
  const seconds = (now - transfer.startedAt) / 1000;
  const [moved, whole] =
    transfer.kind === "save"
      ? ["received", "All received"]
      : ["sent", "All sent; the server makes it a file"];
  const rate = seconds > 0.5 ? ` · ${formatBytes(transfer.sent / seconds)}/s` : "";
  return (
    <>
      <div className="measure">
        <Progress value={share} size="sm" aria-label={`${share.toFixed(0)} % ${moved}`} />
        <span>{transfer.sent >= transfer.size ? whole : `${share.toFixed(0)} % ${moved}${rate}`}</span>
      </div>
      <Button size="compact-sm" variant="subtle" color="red" className="danger" onClick={transfer.stop}>
        Stop
      </Button>
    </>
  );
}

function FileStage({
  transfer,
  fileId,
}: {
  readonly transfer: Transfer;
  readonly fileId: string;
}): ReactNode {
  return (
    <div className="actions">
      <span className="dim">
        {transfer.kind === "save" ? "Saved, and its SHA-256 is right" : "Uploaded, and its SHA-256 is right"}
      </span>
      <a href={hrefTo("files", { open: fileId })}>Show</a>
      <Dismiss id={transfer.id} />
    </div>
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
