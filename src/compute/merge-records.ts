// The merge by keys: each line is looked at by itself, for orders that the kernel of plain lines does not know.

import { Fault } from "../wire/faults.ts";
import type { LineOrder } from "./line-order.ts";
import { compareKeys, type LineRecord, readRecords } from "./line-records.ts";
import type { MergeInput } from "./merge-input.ts";
import { planPasses } from "./merge-passes.ts";
import type { MergeRun, MergeScratch } from "./merge-scratch.ts";
import { decodeRecords, encodeRecord, inPieces, sortIntoRuns } from "./record-runs.ts";
import { isUnsorted } from "./unsorted.ts";

export interface RecordMergeOptions {
  readonly order?: LineOrder | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly scratch?: MergeScratch | undefined;
  readonly unsorted?: "fail" | "sort" | undefined;
  readonly fanIn: number;
  readonly longestLine: number;
  readonly sortMemory: number;
  readonly onRead: (input: MergeInput, bytes: number) => void;
}

/** Sorted records, opened once; those that came together are taken before more are asked for. */
type Source = () => AsyncIterable<Iterable<LineRecord>>;

/** Each source holds a piece, of 64 KiB or, of a run, 256 KiB. */
const MOST = 500;
const BATCH = 500;
const TURN = 10;

/** All lines of the inputs in the order of their keys, and of the inputs. Faults as `mergeSorted`. */
export async function* mergeRecords(
  inputs: readonly MergeInput[],
  options: RecordMergeOptions,
): AsyncGenerator<Uint8Array> {
  await using kept = new AsyncDisposableStack();
  let sources = await sourcesOf(inputs, options, kept);
  for (const pass of planPasses(sources.length, Math.min(options.fanIn, MOST))) {
    const reduced: Source[] = [];
    let from = 0;
    for (const { start, end } of pass) {
      const merged = inPieces(mergeSources(sources.slice(start, end), options), encodeRecord);
      const run = kept.use(await requireScratch(options.scratch, inputs.length).keep(merged));
      reduced.push(...sources.slice(from, start), () => decodeRecords(run.open(options.signal)));
      from = end;
    }
    sources = [...reduced, ...sources.slice(from)];
  }
  yield* inPieces(mergeSources(sources, options), ({ bytes }) => [bytes]);
}

/** The inputs, with runs in the place of those that are not sorted: in the order of their lines' bytes. */
export async function sortUnsorted(
  inputs: readonly MergeInput[],
  options: RecordMergeOptions,
  kept: AsyncDisposableStack,
): Promise<MergeInput[]> {
  const order = {};
  const sorted: MergeInput[] = [];
  for (const input of inputs) {
    const runs = await runsOf(input, { ...options, order }, ({ bytes }) => [bytes]);
    for (const run of runs ?? []) sorted.push(kept.use(run));
    if (!runs) sorted.push(input);
  }
  return sorted;
}

async function sourcesOf(
  inputs: readonly MergeInput[],
  options: RecordMergeOptions,
  kept: AsyncDisposableStack,
): Promise<Source[]> {
  const { order = {}, signal } = options;
  const sources: Source[] = [];
  for (const input of inputs) {
    const runs = options.unsorted === "sort" ? await runsOf(input, options, encodeRecord) : undefined;
    for (const run of runs ?? []) {
      kept.use(run);
      sources.push(() => decodeRecords(run.open(signal)));
    }
    if (!runs) sources.push(() => readRecords(input, { ...options, order }));
  }
  return sources;
}

/** Sorted runs of an input that is not sorted; undefined for one that is. */
async function runsOf(
  input: MergeInput,
  options: RecordMergeOptions,
  encode: (record: LineRecord) => readonly Buffer[],
): Promise<MergeRun[] | undefined> {
  const { order = {}, signal, longestLine, sortMemory: budget } = options;
  // What is read here is no progress: it is read again.
  const reading = { order, signal, longestLine };
  try {
    for await (const records of readRecords(input, reading)) takeAll(records);
    return undefined;
  } catch (error) {
    if (!isUnsorted(error)) throw error;
  }
  const scratch = requireScratch(options.scratch, 1);
  const records = readRecords(input, { ...reading, anyOrder: true });
  return sortIntoRuns(records, { order, scratch, budget, encode });
}

/** Each record is compared with the one before it as it is taken. */
function takeAll(records: Iterable<LineRecord>): void {
  const iterator = records[Symbol.iterator]();
  while (iterator.next().done !== true);
}

function requireScratch(scratch: MergeScratch | undefined, inputs: number): MergeScratch {
  if (scratch) return scratch;
  throw new Fault("invalid", `a merge of ${inputs} inputs needs scratch space`, {
    hint: "Merge fewer at one time, sort them before, or give the merge scratch space.",
  });
}

async function* mergeSources(
  sources: readonly Source[],
  { order = {}, signal }: RecordMergeOptions,
): AsyncGenerator<LineRecord[]> {
  await using opened = new AsyncDisposableStack();
  const cursors = sources.map((source, i) => opened.use(new Cursor(source(), i)));
  await Promise.all(cursors.map((cursor) => cursor.advance()));
  const heap = new CursorHeap(
    cursors.filter(({ head }) => head !== undefined),
    order,
  );
  let batch: LineRecord[] = [];
  let last: Uint8Array | undefined;
  let turn = performance.now();
  for (let cursor = heap.first; cursor?.head; cursor = heap.first) {
    const record = cursor.head;
    if (!(order.unique && last && Buffer.compare(last, record.key) === 0)) batch.push(record);
    last = record.key;
    const advancing = cursor.advance();
    if (advancing) await advancing;
    heap.settle();
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
    if (performance.now() - turn < TURN) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turn = performance.now();
    signal?.throwIfAborted();
  }
  if (batch.length > 0) yield batch;
}

/** Where the merge stands in one source. */
class Cursor {
  readonly index: number;
  readonly #batches: AsyncIterator<Iterable<LineRecord>>;
  #records: Iterator<LineRecord> = [][Symbol.iterator]();
  /** Undefined at the end. */
  head: LineRecord | undefined;

  constructor(batches: AsyncIterable<Iterable<LineRecord>>, index: number) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.index = index;
  }

  /** Goes on by one record; returns a promise only where it has to wait. */
  advance(): Promise<void> | undefined {
    const { done, value } = this.#records.next();
    this.head = done === true ? undefined : value;
    return this.head ? undefined : this.#refill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#batches.return?.();
  }

  async #refill(): Promise<void> {
    while (!this.head) {
      const { done, value } = await this.#batches.next();
      if (done === true) return;
      this.#records = value[Symbol.iterator]();
      const first = this.#records.next();
      if (first.done !== true) this.head = first.value;
    }
  }
}

/** A binary heap: the cursor with the smallest head, and of equal ones the first input's, is `first`. */
class CursorHeap {
  readonly #cursors: Cursor[];
  readonly #order: LineOrder;

  constructor(cursors: readonly Cursor[], order: LineOrder) {
    this.#order = order;
    this.#cursors = cursors.toSorted((a, b) => this.#compare(a, b));
  }

  get first(): Cursor | undefined {
    return this.#cursors[0];
  }

  /** Puts the first cursor, whose head has changed, in its place; one that has ended leaves. */
  settle(): void {
    const cursors = this.#cursors;
    if (cursors[0]?.head === undefined) {
      const last = cursors.pop();
      if (last && cursors.length > 0) cursors[0] = last;
    }
    const moving = cursors[0];
    if (!moving) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let candidate = cursors[child];
      if (!candidate) break;
      const right = cursors[child + 1];
      if (right && this.#compare(right, candidate) < 0) {
        candidate = right;
        child += 1;
      }
      if (this.#compare(moving, candidate) <= 0) break;
      cursors[at] = candidate;
      at = child;
    }
    cursors[at] = moving;
  }

  #compare(a: Cursor, b: Cursor): number {
    if (!a.head || !b.head) return 0;
    return compareKeys(a.head.key, b.head.key, this.#order) || a.index - b.index;
  }
}
