// Merges sorted inputs into one sorted stream, byte for byte as `LC_ALL=C sort -m` does, in bounded memory.
//
// A hot path; the loops themselves are in merge-kernel.ts and keyed-kernel.ts, with the figures that justify how they are
// written.

import { Fault } from "../wire/faults.ts";
import { ALL_MERGED, type Kernel, NO_KEY, OUT_OF_ORDER, OUTPUT_FULL } from "./kernel.ts";
import { KeyedKernel } from "./keyed-kernel.ts";
import { checkKey, isSpecial, type LineOrder, noKey } from "./line-order.ts";
import { faultIn } from "./line-records.ts";
import { type InputReader, type MergeInput, openReader } from "./merge-input.ts";
import { MergeKernel } from "./merge-kernel.ts";
import { type Group, planPasses } from "./merge-passes.ts";
import type { MergeScratch } from "./merge-scratch.ts";
import type { ArenaMemory } from "./merge-slots.ts";
import { sortIntoRuns } from "./record-runs.ts";
import { isUnsorted, unsortedFault } from "./unsorted.ts";

export type { MergeInput, SortedFile } from "./merge-input.ts";
export type { MergeRun, MergeScratch } from "./merge-scratch.ts";

export interface MergeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the inputs read so far; each input's are counted once, in the first pass that reads it. */
  readonly onProgress?: (readBytes: number) => void;
  /**
   * The most inputs that are open at one time: 500, or 8,000 files that are small enough to be read at once. Each
   * takes up to 64 KiB, and a stream two of its pieces.
   */
  readonly fanIn?: number;
  /** Needed only for more inputs than `fanIn`. */
  readonly scratch?: MergeScratch | undefined;
  /** Bytes of the longest line that is taken, without its newline; default 64 MiB. */
  readonly longestLine?: number;
  /** Default: by the bytes of the lines, all kept as they are. */
  readonly order?: LineOrder | undefined;
  /** What becomes of an input that is not sorted; default `fail`. `sort` needs scratch, and reads each input once more. */
  readonly unsorted?: "fail" | "sort" | undefined;
  /** Bytes of lines that are sorted in memory at one time; default 48 MiB. */
  readonly sortMemory?: number | undefined;
  /** The memory of each piece is used again when the next but one is asked for: one may be written meanwhile. */
  readonly reuse?: boolean;
  /** Where the inputs' lines lie; given by who merges one after another. By default it is new. */
  readonly memory?: ArenaMemory | undefined;
}

export const DEFAULT_FAN_IN = 500;
const SMALL_FAN_IN = 8_000;

const LONGEST_LINE = 64 * 1024 * 1024;
const SORT_MEMORY = 48 * 1024 * 1024;
const SLOT = 64 * 1024;
const LEAST_SLOT = 256;
const OUTPUT = 512 * 1024;
/** How long the merge may keep the thread before it lets others run, in ms. */
const TURN = 10;

/**
 * The lines of all inputs in the order of their unsigned bytes; equal lines in the order of the inputs. A line is
 * what lies between newlines: a carriage return belongs to it, and a missing last newline is supplied.
 *
 * With `order` by other keys, backwards, with lines dropped or marked: see line-order.ts.
 *
 * Yields pieces of up to 512 KiB. Faults: `invalid` for an input that is not sorted (with its name, the line number
 * and both lines) or more inputs than `fanIn` without scratch; `too-large` for a line over the limit; the signal's
 * reason; and whatever an input throws. Inputs are closed in every case.
 */
export async function* mergeSorted(
  inputs: readonly MergeInput[],
  options: MergeOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const settings: Settings = {
    ...options,
    fanIn: options.fanIn ?? (inputs.every(isSmallFile) ? SMALL_FAN_IN : DEFAULT_FAN_IN),
    longestLine: options.longestLine ?? LONGEST_LINE,
    sortMemory: options.sortMemory ?? SORT_MEMORY,
    reuse: options.reuse ?? false,
    ...countReads(inputs, options.onProgress),
  };
  if (settings.fanIn < 2) {
    throw new Fault("invalid", `a merge needs a fan-in of at least 2, not ${settings.fanIn}`);
  }
  checkKey(settings.order?.key);
  await using kept = new AsyncDisposableStack();
  let current = settings.unsorted === "sort" ? await sortUnsorted(inputs, settings, kept) : inputs;
  for (const pass of planPasses(current.length, settings.fanIn)) {
    current = await reduce(current, pass, settings, kept);
  }
  yield* mergeOnce(current, settings);
}

interface Settings extends MergeOptions {
  readonly fanIn: number;
  readonly longestLine: number;
  readonly sortMemory: number;
  readonly reuse: boolean;
  readonly onRead: (input: MergeInput, bytes: number) => void;
}

/** The inputs, with sorted runs in the place of those that are not sorted. */
async function sortUnsorted(
  inputs: readonly MergeInput[],
  settings: Settings,
  kept: AsyncDisposableStack,
): Promise<readonly MergeInput[]> {
  const { order = {}, signal, longestLine, sortMemory: budget } = settings;
  const sorted: MergeInput[] = [];
  for (const input of inputs) {
    if (await isSorted(input, settings)) {
      sorted.push(input);
      continue;
    }
    const scratch = requireScratch(settings, `to sort ${input.name}`);
    for (const run of await sortIntoRuns(input, { order, signal, longestLine, scratch, budget })) {
      sorted.push(asInput(kept.use(run), order));
    }
  }
  return sorted;
}

/** Merges the input alone, which compares each line with the one before. What is read here is no progress: it is read again. */
async function isSorted(input: MergeInput, settings: Settings): Promise<boolean> {
  const merged = mergeOnce([input], { ...settings, reuse: true, onRead: () => undefined });
  try {
    for (let next = await merged.next(); next.done !== true; ) next = await merged.next();
    return true;
  } catch (error) {
    if (isUnsorted(error)) return false;
    throw error;
  }
}

/** Carries out one pass: each group becomes a run in its place. */
async function reduce(
  inputs: readonly MergeInput[],
  groups: readonly Group[],
  settings: Settings,
  kept: AsyncDisposableStack,
): Promise<readonly MergeInput[]> {
  const scratch = requireScratch(
    settings,
    `for ${inputs.length} inputs, of which ${settings.fanIn} may be open`,
  );
  const reduced: MergeInput[] = [];
  let from = 0;
  for (const { start, end } of groups) {
    const merged = mergeOnce(inputs.slice(start, end), { ...settings, reuse: true }, true);
    const run = kept.use(await scratch.keep(merged));
    reduced.push(...inputs.slice(from, start), asInput(run, settings.order));
    from = end;
  }
  return [...reduced, ...inputs.slice(from)];
}

/** In orders by keys, runs are of records and not of lines. */
function asInput(run: MergeInput, order: LineOrder = {}): MergeInput {
  const { name, size, file } = run;
  return { name, size, file, framed: isSpecial(order), open: (signal) => run.open(signal) };
}

function requireScratch({ scratch }: Settings, why: string): MergeScratch {
  if (scratch) return scratch;
  throw new Fault("invalid", `the merge needs scratch space ${why}`, {
    hint: "Merge fewer at one time, sort them before, or give the merge scratch space.",
  });
}

async function* mergeOnce(
  inputs: readonly MergeInput[],
  settings: Settings,
  intoRun = false,
): AsyncGenerator<Uint8Array> {
  settings.signal?.throwIfAborted();
  if (inputs.length === 0) return;
  const kernel = kernelFor(inputs, settings, intoRun);
  await using opened = new AsyncDisposableStack();
  const readers = inputs.map((input, i) => opened.use(openReader(input, i, settings)));
  await Promise.all(readers.map((reader) => reader.fill(kernel)));
  yield* drive(kernel, readers, settings);
}

function kernelFor(
  inputs: readonly MergeInput[],
  { order = {}, memory }: Settings,
  intoRun: boolean,
): Kernel {
  const sizes = { output: OUTPUT, slots: inputs.map(slotOf), memory };
  if (!isSpecial(order)) return new MergeKernel(sizes);
  const framed = inputs.map((input) => input.framed === true);
  const prefixes = order.prefix ? inputs.map(({ name }) => Buffer.from(`${name}: `)) : [];
  return new KeyedKernel({ ...sizes, order, framed, prefixes, intoRun });
}

async function* drive(
  kernel: Kernel,
  readers: readonly InputReader[],
  { signal, reuse, order = {} }: Settings,
): AsyncGenerator<Uint8Array> {
  let turn = performance.now();
  for (;;) {
    const asked = kernel.run();
    if (asked === OUTPUT_FULL || asked === ALL_MERGED) {
      const piece = kernel.takeOutput();
      if (piece.length > 0) yield reuse ? piece : piece.slice();
      if (asked === ALL_MERGED) return;
    } else if (asked === OUT_OF_ORDER) {
      throw unsorted(kernel, readers[kernel.winner]?.name ?? "");
    } else if (asked === NO_KEY) {
      const line = kernel.lines(kernel.winner) + 1;
      const { head } = kernel.slots.around(kernel.winner, 800);
      throw faultIn(readers[kernel.winner]?.name ?? "", line, noKey(order, head));
    } else {
      const filling = readers[asked]?.fill(kernel);
      if (filling) await filling;
    }
    if (performance.now() - turn < TURN) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turn = performance.now();
    signal?.throwIfAborted();
  }
}

function isSmallFile({ file, size }: MergeInput): boolean {
  return file !== undefined && size !== undefined && size < SLOT;
}

/** Bytes that the input is given in the arena. */
function slotOf({ file, size = SLOT }: MergeInput): number {
  return file ? Math.min(SLOT, Math.max(LEAST_SLOT, size + 16)) : SLOT;
}

function unsorted(kernel: Kernel, name: string): Fault {
  const { head, previous } = kernel.slots.around(kernel.winner, 800);
  return unsortedFault(name, kernel.lines(kernel.winner) + 1, previous, head);
}

/** Adds up what is read of `inputs`, but not of the runs made from them. */
function countReads(
  inputs: readonly MergeInput[],
  onProgress: MergeOptions["onProgress"],
): Pick<Settings, "onRead"> {
  const counted = new Map(inputs.map((input) => [input, 0]));
  let read = 0;
  return {
    onRead(input, bytes) {
      const before = counted.get(input);
      if (before === undefined) return;
      // Compressed inputs give more bytes than they have.
      const after = Math.min(before + bytes, input.size ?? Number.POSITIVE_INFINITY);
      counted.set(input, after);
      read += after - before;
      onProgress?.(read);
    },
  };
}
