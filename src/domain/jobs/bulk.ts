// One action on many jobs: retried, cancelled or removed by their ids or by a filter.

import type { Job, JobFilter, JobState, Queue } from "../../ports/queue.ts";
import { Fault, isFault } from "../../wire/faults.ts";

export type BulkAction = "retry" | "cancel" | "remove";

/** By ids, or by a filter that names a state: what names neither would be all there is. */
export interface Selection extends Omit<JobFilter, "limit" | "after"> {
  readonly ids?: readonly string[];
  /** Only counts them. */
  readonly isTrial?: boolean;
}

export interface BulkPorts {
  readonly queue: Pick<Queue, "page" | "get" | "cancel" | "retry">;
  /** Removes those that have ended, with their results; returns how many. */
  readonly remove: (ids: readonly string[]) => Promise<number>;
}

const STATES: Readonly<Record<BulkAction, readonly JobState[]>> = {
  retry: ["failed", "cancelled"],
  cancel: ["queued", "running"],
  remove: ["succeeded", "failed", "cancelled"],
};

/** So many are changed in one commit, and between two looks at the signal. */
const BATCH = 500;

/** Jobs that change or go meanwhile are passed over. Fault `invalid` for a selection that names no fitting state. */
export async function changeSelected(
  ports: BulkPorts,
  action: BulkAction,
  selection: Selection,
  signal: AbortSignal,
): Promise<number> {
  checkState(action, selection);
  let changed = 0;
  for await (const ids of batches(ports, action, selection)) {
    signal.throwIfAborted();
    changed += selection.isTrial ? ids.length : await changeBatch(ports, action, ids);
  }
  return changed;
}

function checkState(action: BulkAction, { state, ids }: Selection): void {
  const fitting = STATES[action];
  const hint = `The states are: ${fitting.join(", ")}.`;
  if (state === undefined && ids === undefined) {
    throw new Fault("invalid", `say which jobs to ${action}: by a state, or by ids`, { hint });
  }
  if (state === undefined || fitting.includes(state)) return;
  throw new Fault("invalid", `there is no way to ${action} jobs that are ${state}`, { hint });
}

/** From the newest down: what is queued again, or added meanwhile, is not met again. */
async function* batches(
  { queue }: BulkPorts,
  action: BulkAction,
  { ids, isTrial: _, ...filter }: Selection,
): AsyncGenerator<readonly string[]> {
  if (ids) {
    const jobs = await Promise.all([...new Set(ids)].map((id) => queue.get(id)));
    const fitting = jobs.flatMap((job) => (job && STATES[action].includes(job.state) ? [job] : []));
    yield fitting
      .filter((job) => filter.state === undefined || job.state === filter.state)
      .map(({ id }) => id);
    return;
  }
  for (let after: string | null | undefined; after !== null; ) {
    const page = await queue.page({ ...filter, limit: BATCH, ...(after && { after }) });
    yield page.jobs.map(({ id }) => id);
    after = page.next;
  }
}

async function changeBatch(
  { queue, remove }: BulkPorts,
  action: BulkAction,
  ids: readonly string[],
): Promise<number> {
  if (action === "remove") return remove(ids);
  const changes = await Promise.allSettled(ids.map((id) => queue[action](id)));
  let changed = 0;
  for (const change of changes) {
    if (change.status === "rejected" && !isPassed(change.reason)) throw change.reason;
    // One that ended by itself before it could be cancelled is as it was.
    if (change.status === "fulfilled" && (action === "retry" || isCancelled(change.value))) changed++;
  }
  return changed;
}

function isCancelled({ state, cancelRequested }: Job): boolean {
  return state === "cancelled" || cancelRequested;
}

/** It changed, or went, after it was found. */
function isPassed(error: unknown): boolean {
  return isFault(error, "conflict") || isFault(error, "not-found");
}
