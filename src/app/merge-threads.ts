// Merges on several threads: the files are cut into ranges of keys, and as many are merged at one time as there are threads.

import { DEFAULT_FAN_IN, type MergeInput, type MergeOptions, mergeSorted } from "../compute/merge.ts";
import { cutIntoParts } from "../compute/merge-parts.ts";
import { isFault } from "../wire/faults.ts";
import { MergeCrew } from "./merge-crew.ts";

const AT_ONCE = 16 * 1024 * 1024;
/** Bytes of the inputs below which one thread has ended before several have warmed up. */
const LEAST = 512 * 1024 * 1024;
/** Finding where to cut a file costs as much as merging some kilobytes of it. */
const LEAST_PER_FILE = 64 * 1024;

export interface ThreadsOptions {
  /** Default: as many as there are processors, at most four, which share the memory. */
  readonly threads?: number | undefined;
  /** Bytes of inputs that are worth several threads. */
  readonly least?: number;
  /** Bytes of the parts that are merged at one time, on all threads together: so many bytes of output may wait in memory. */
  readonly atOnce?: number;
}

/**
 * As `mergeSorted`, byte for byte and fault for fault, on several threads where that is faster: for files of this
 * machine, enough of them by bytes, and at most 500.
 */
export async function* mergeOnThreads(
  inputs: readonly MergeInput[],
  options: MergeOptions,
  {
    threads = Math.min(4, navigator.hardwareConcurrency),
    least = LEAST,
    atOnce = AT_ONCE,
  }: ThreadsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { order = {} } = options;
  if (threads < 2 || !canBeCut(inputs, options) || sizeOf(inputs) < least) {
    return yield* mergeSorted(inputs, options);
  }
  using files = new DisposableStack();
  const opened = inputs.flatMap(({ file }) => (file ? [files.adopt(file(), (open) => open.close())] : []));
  // Disposed before the files are closed, which its threads read. They start while the files are looked at.
  await using crew = MergeCrew.start(threads, atOnce / threads);
  const parts = cutIntoParts(opened, { order, partSize: atOnce / threads });
  if (!parts || !(await crew.started)) return yield* mergeSorted(inputs, options);
  const handles = inputs.map(({ name }, i) => ({ name, fd: opened[i]?.fd ?? -1 }));
  try {
    yield* crew.merge(handles, parts, options);
  } catch (error) {
    throw await asOfTheWhole(error, inputs, options);
  }
}

function canBeCut(
  inputs: readonly MergeInput[],
  { fanIn = DEFAULT_FAN_IN, unsorted }: MergeOptions,
): boolean {
  if (unsorted === "sort" || inputs.length > fanIn) return false;
  if (!inputs.every(({ file, size }) => file !== undefined && size !== undefined)) return false;
  return sizeOf(inputs) >= inputs.length * LEAST_PER_FILE;
}

function sizeOf(inputs: readonly MergeInput[]): number {
  return inputs.reduce((sum, { size = 0 }) => sum + size, 0);
}

/** A part counts lines from its own first on: the input that is at fault, read alone, gives the fault with its true line. */
async function asOfTheWhole(
  error: unknown,
  inputs: readonly MergeInput[],
  { order, longestLine, signal }: MergeOptions,
): Promise<unknown> {
  const source = isFault(error) && inputs.find(({ name }) => name === error.details?.source);
  if (!source) return error;
  try {
    const alone = mergeSorted([source], {
      ...{ order, signal, reuse: true },
      ...(longestLine !== undefined && { longestLine }),
    });
    for (let next = await alone.next(); !next.done; next = await alone.next()) signal?.throwIfAborted();
  } catch (whole) {
    return whole;
  }
  return error;
}
