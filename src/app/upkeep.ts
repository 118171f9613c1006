// What the server does now and then: sweeps what expired, prunes ended jobs, collects what crashes left.

import type { Files } from "../domain/files/files.ts";
import type { Jobs } from "../domain/jobs/jobs.ts";
import type { Uploads } from "../domain/uploads/uploads.ts";
import type { Webhooks } from "../domain/webhooks/webhooks.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { toFault } from "../wire/faults.ts";

export interface UpkeepOptions {
  readonly files: Files;
  readonly uploads: Uploads;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Log;
  /** ms that an ended job is kept. */
  readonly resultExpiry: number;
  /** Ended jobs that are kept at most. */
  readonly keepJobs: number;
  readonly webhooks: readonly Webhooks[];
}

const RECOVER_MS = 5_000;
const WEBHOOKS_MS = 1_000;
const SWEEP_MS = 60_000;
/** Looked up at once; when there were so many, more may wait. */
const SWEPT = 1_000;
/** Long, since a blob goes when two looks in a row found it without a file. */
const COLLECT_MS = 3_600_000;

/** Runs until it is disposed; then nothing of it is under way any more. */
export function startUpkeep(options: UpkeepOptions): AsyncDisposable {
  const { files, uploads, jobs, resultExpiry, keepJobs, webhooks } = options;
  const stopping = new AbortController();
  const rounds = [
    repeat(options, "jobs.recover", RECOVER_MS, stopping.signal, () => jobs.recover()),
    repeat(options, "sweep", SWEEP_MS, stopping.signal, async () => {
      while ((await uploads.sweep(SWEPT)) === SWEPT);
      await files.sweep();
      await jobs.prune(resultExpiry, keepJobs);
    }),
    ...webhooks.map((told) =>
      repeat(options, "webhooks", WEBHOOKS_MS, stopping.signal, () => told.deliver(stopping.signal)),
    ),
    repeat(options, "collect", COLLECT_MS, stopping.signal, () => files.collect()),
  ];
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(rounds);
    },
  };
}

async function repeat(
  { clock, log }: UpkeepOptions,
  name: string,
  everyMs: number,
  signal: AbortSignal,
  work: () => Promise<unknown>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(everyMs, signal);
      await work();
    } catch (error) {
      // A full disk or a lock passes; the next round tries again.
      if (!signal.aborted) log.error("upkeep.failed", { name, error: toFault(error) });
    }
  }
}
