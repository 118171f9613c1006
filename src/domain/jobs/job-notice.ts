// What the webhook of an ended job is told.

import type { Notice } from "../../ports/outbox.ts";
import type { Job, Queue } from "../../ports/queue.ts";

/** The body of a job's notice, or undefined when the job was pruned meanwhile. */
export async function jobNoticeBody(
  queue: Pick<Queue, "get">,
  { subject }: Notice,
): Promise<string | undefined> {
  const job = await queue.get(subject);
  return job && bodyOf(job);
}

function bodyOf({ id, kind, state, attempts, error, result, createdAt, startedAt, finishedAt }: Job): string {
  const data = { id, kind, state, attempts, error, result, createdAt, startedAt, finishedAt };
  return JSON.stringify({ type: `job.${state}`, timestamp: new Date(finishedAt ?? 0).toISOString(), data });
}
