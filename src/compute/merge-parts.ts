// Cuts a merge of sorted files into parts, ranges of keys, that can be merged at the same time.
//
// All lines of a part are before all lines of the next, so the parts' outputs one after another are the output; lines
// with equal keys are in one part, so it is as stable. Where a file is cut, the lines on both sides were compared: what
// is out of order is out of order within a part, whose merge reports it.

import type { LineOrder } from "./line-order.ts";
import { compareKeys } from "./line-records.ts";
import type { SortedFile } from "./merge-input.ts";
import { type FoundLine, SortedLines } from "./sorted-lines.ts";

/** By input: bytes `[start, end)` of its file. */
export interface PartRange {
  readonly start: number;
  readonly end: number;
}

export type MergePart = readonly PartRange[];

export interface PartOptions {
  readonly order: LineOrder;
  /** About as many bytes of input are in a part. */
  readonly partSize: number;
  /** How far apart lines are looked at, in bytes. Default: 128 KiB, or more where that would be over 8,192 lines. */
  readonly spacing?: number;
}

const SPACING = 128 * 1024;
const SAMPLES = 8_192;
/** Bytes of a key that are remembered: enough to tell parts apart, and any bytes can be a cut. */
const LONGEST_KEY = 256;

/** The parts in their order, found as they are asked for; undefined where the files cannot be cut. */
export function cutIntoParts(
  files: readonly SortedFile[],
  { order, partSize, spacing = spacingOf(files) }: PartOptions,
): Generator<MergePart> | undefined {
  const sampled: SampledFile[] = [];
  for (const file of files) {
    const one = sample(new SortedLines(file, order), spacing);
    if (!one) return undefined;
    sampled.push(one);
  }
  const keys = chooseCuts(sampled, Math.max(1, Math.round(partSize / spacing)), order);
  return keys.length === 0 ? undefined : parts(sampled, keys, order);
}

interface SampledFile {
  readonly lines: SortedLines;
  /** In the order of the file. */
  readonly samples: readonly FoundLine[];
}

function sample(lines: SortedLines, spacing: number): SampledFile | undefined {
  const samples: FoundLine[] = [];
  for (let position = 0; position < lines.size; position += spacing) {
    const found = lines.recordFrom(position, LONGEST_KEY);
    if (found === undefined) return undefined;
    if (found === "end") break;
    if (found.start !== samples.at(-1)?.start) samples.push(found);
  }
  return { lines, samples };
}

function spacingOf(files: readonly SortedFile[]): number {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  return Math.max(SPACING, Math.ceil(total / SAMPLES));
}

/** The keys at which parts begin, from the second on: `every` so many samples, each of which stands for as many bytes. */
function chooseCuts(files: readonly SampledFile[], every: number, order: LineOrder): Uint8Array[] {
  const keys = files.flatMap(({ samples }) => samples.map(({ key }) => key));
  keys.sort((a, b) => compareKeys(a, b, order));
  const cuts: Uint8Array[] = [];
  for (let i = every; i < keys.length; i += every) {
    const [key, last] = [keys[i], cuts.at(-1)];
    if (key && !(last && compareKeys(last, key, order) === 0)) cuts.push(key);
  }
  return cuts;
}

/** A file that turns out not to be cut in time goes on in one piece: the rest of the merge is the last part then. */
function* parts(
  files: readonly SampledFile[],
  keys: readonly Uint8Array[],
  order: LineOrder,
): Generator<MergePart> {
  let starts = files.map(() => 0);
  for (const key of keys) {
    const ends: number[] = [];
    for (const [i, { lines, samples }] of files.entries()) {
      const from = starts[i] ?? 0;
      const next = firstBehind(samples, key, order);
      const below = samples[next - 1]?.start ?? 0;
      const end = lines.cut(key, Math.max(from, below), Math.max(from, samples[next]?.start ?? lines.size));
      if (end === undefined) break;
      ends.push(end);
    }
    if (ends.length < files.length) break;
    yield rangesOf(starts, ends);
    starts = ends;
  }
  yield rangesOf(
    starts,
    files.map(({ lines }) => lines.size),
  );
}

function rangesOf(starts: readonly number[], ends: readonly number[]): MergePart {
  return starts.map((start, i) => ({ start, end: ends[i] ?? start }));
}

/** The index of the first sample that is not before `key`. */
function firstBehind(samples: readonly FoundLine[], key: Uint8Array, order: LineOrder): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const sample = samples[middle];
    if (sample && compareKeys(sample.key, key, order) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
