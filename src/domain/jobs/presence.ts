// Workers make themselves known, and the service knows who is alive and what each does.

import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Job, Queue } from "../../ports/queue.ts";
import type { Roster, WorkerRecord } from "../../ports/roster.ts";
import { toFault } from "../../wire/faults.ts";

/** How often a worker tells of itself. */
const TELL_MS = 2_000;
/** One that was silent for longer is dead, or its whole machine stands still. */
const SILENT_MS = 15_000;

/** Keeps a worker on the roster until `signal` is aborted. Never rejects: a roster that cannot be written stops no job. */
export async function keepPresent(
  { roster, clock, log }: { readonly roster: Roster; readonly clock: Clock; readonly log: Log },
  worker: Pick<WorkerRecord, "name" | "kinds">,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = clock.now();
  const warn = (error: unknown) =>
    log.warn("worker.presence-failed", { worker: worker.name, error: toFault(error).message });
  while (!signal.aborted) {
    await roster.enter({ ...worker, startedAt, seenAt: clock.now() }).catch(warn);
    await clock.sleep(TELL_MS, signal).catch(() => undefined); // aborted: the loop ends
  }
  await roster.leave(worker.name).catch(warn);
}

/** The workers that were heard of lately, the oldest first; a process that was killed is among them for up to 15 s. */
export function presentWorkers(roster: Roster, clock: Clock): Promise<readonly WorkerRecord[]> {
  return roster.list(clock.now() - SILENT_MS);
}

/** What each worker, by its name, works on now. */
export async function jobsInHand(queue: Pick<Queue, "page">): Promise<ReadonlyMap<string, Job>> {
  const held = new Map<string, Job>();
  for (let after: string | undefined; ; ) {
    const page = await queue.page({ state: "running", limit: 1_000, ...(after && { after }) });
    for (const job of page.jobs) if (job.worker !== null) held.set(job.worker, job);
    if (page.next === null) return held;
    after = page.next;
  }
}
