// Keeps the whole process within its memory: DuckDB's own limit counts its buffers, and not what statements hold beside them.

import type { DuckDBInstance } from "@duckdb/node-api";
import { isOutgrown } from "./totals.ts";

export interface MemoryGuardOptions {
  /** Bytes of the whole process above which DuckDB has to give some back. */
  readonly most: number;
  /** Bytes of DuckDB's buffers as they are limited at first, and at last. */
  readonly buffers: number;
  readonly leastBuffers: number;
}

/** A process that grows by a gigabyte a second is 50 MB larger then. */
const LOOK_MS = 50;
/** Of the limit, at each step; */
const STEP = 0.8;
/** what is given back shows so much later. */
const PAUSE_MS = 200;

/**
 * Lowers the limit of the buffers while a statement runs, which then spills what it has, whenever the process has grown over `most`.
 * What statements hold beside the buffers goes with the width of the rows: 900,000 groups of 1,100 bytes within 512 MiB
 * peaked at 905 MiB with the limit alone, and at 570 with this, in twice the time. Disposing throws what kept it from its work.
 */
export async function guardMemory(
  instance: DuckDBInstance,
  { most, buffers, leastBuffers }: MemoryGuardOptions,
): Promise<AsyncDisposable> {
  const connection = await instance.connect();
  let limit = buffers;
  let due = 0;
  let lowering: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const lower = async () => {
    const next = Math.max(leastBuffers, limit * STEP);
    try {
      await connection.run(`SET memory_limit = '${Math.floor(next / 1_048_576)}MiB'`);
      limit = next;
      due = performance.now() + PAUSE_MS;
    } catch (error) {
      // It cannot spill so much at this moment, and keeps its limit: the next look asks again.
      if (!isOutgrown(error)) failure = { error };
    } finally {
      lowering = undefined;
    }
  };
  const timer = setInterval(() => {
    if (lowering || failure || limit <= leastBuffers) return;
    if (performance.now() < due || process.memoryUsage.rss() <= most) return;
    lowering = lower();
  }, LOOK_MS);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await lowering;
      connection.closeSync();
      if (failure) throw failure.error;
    },
  };
}
