// How far a job is: a bar, the phase in words, and the rate seen between two polls.

import { Badge, Progress } from "@mantine/core";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { JobEntry } from "../../wire/api.ts";
import { formatAgo, formatAmount, formatDuration, formatStamp } from "../format.ts";
import { useNow } from "./when.tsx";

const COLORS = {
  queued: "gray",
  running: "blue",
  succeeded: "moss",
  failed: "red",
  cancelled: "orange",
} as const;

export function JobStateBadge({ job }: { readonly job: JobEntry }): ReactNode {
  const ending = job.cancelRequested && job.state === "running";
  return (
    <Badge variant="light" color={ending ? "orange" : COLORS[job.state]} data-state={job.state}>
      {ending ? "cancelling" : job.state}
    </Badge>
  );
}

export function JobProgress({ job }: { readonly job: JobEntry }): ReactNode {
  const rate = useRate(job);
  if (job.state === "succeeded" && job.startedAt !== null && job.finishedAt !== null) {
    return <span className="dim">done in {formatDuration(job.finishedAt - job.startedAt)}</span>;
  }
  if (job.state === "failed" && job.error) return <span className="bad clip">{job.error.message}</span>;
  if (job.state === "queued") return <Waiting job={job} />;
  if (job.state !== "running") return null;
  if (!job.progress) return <Progress value={100} size="sm" animated aria-label="Running" />;
  const { done, total, unit, phase } = job.progress;
  const share = total > 0 ? Math.min(100, (done / total) * 100) : 100;
  return (
    <div className="measure">
      <Progress value={share} size="sm" animated aria-label={total > 0 ? `${share.toFixed(0)} %` : phase} />
      <span>
        {phase}
        {total > 0 && ` · ${share.toFixed(0)} %`}
        {rate > 0 && ` · ${formatAmount(rate, unit)}/s`}
      </span>
    </div>
  );
}

function Waiting({ job }: { readonly job: JobEntry }): ReactNode {
  const now = useNow(1000);
  const word = job.error ? "another attempt" : "starts";
  if (job.runAt > now) {
    return (
      <span className="dim" title={formatStamp(job.runAt)}>
        {word} {formatAgo(job.runAt, now)}
      </span>
    );
  }
  return job.error ? <span className="clip">waits for another attempt</span> : null;
}

/** Units a second, smoothed; 0 while unknown, and again when another phase counts something else. */
function useRate(job: JobEntry): number {
  const last = useRef<{ at: number; done: number; phase: string } | null>(null);
  const [rate, setRate] = useState(0);
  const { done = 0, phase = "" } = job.progress ?? {};
  useEffect(() => {
    const now = performance.now();
    const before = last.current;
    if (before?.phase !== phase || done < before.done) {
      last.current = { at: now, done, phase };
      setRate(0);
    } else if (done > before.done) {
      const measured = ((done - before.done) / (now - before.at)) * 1000;
      last.current = { at: now, done, phase };
      setRate((smooth) => (smooth === 0 ? measured : smooth * 0.6 + measured * 0.4));
    }
  }, [done, phase]);
  return rate;
}
