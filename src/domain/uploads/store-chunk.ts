// One chunk on its way into staging: missing bytes are written, those that are there are compared.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Staging } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import type { ActiveUpload } from "./active-upload.ts";
import { ChunkSource } from "./chunk-source.ts";
import { covers, overlaps, type Segment, segments } from "./coverage.ts";
import { followUpload } from "./digest.ts";

export interface Chunk {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** The exact number of bytes; a source with more or fewer is refused and nothing is listed. */
  readonly size: number;
  readonly source: AsyncIterable<Uint8Array> | Uint8Array;
  /**
   * When some of these bytes are there already: `refuse` is Fault `exists`; `compare` accepts equal bytes and
   * is Fault `conflict` on others.
   */
  readonly repeated: "refuse" | "compare";
}

export interface Placed {
  readonly chunk: Chunk;
  readonly range: ByteRange;
  readonly signal: AbortSignal | undefined;
}

/** Makes the bytes durable, then lists them in the ledger. The caller holds the reservation of the range. */
export async function storeChunk(staging: Staging, active: ActiveUpload, placed: Placed): Promise<void> {
  const { chunk, range } = placed;
  const { coverage } = active.record;
  const isListed = covers(coverage, range);
  const run = isListed ? undefined : followUpload(active, range.start);
  let durable = 0;
  try {
    const { source } = chunk;
    const isExclusive = chunk.repeated === "refuse";
    if (source instanceof Uint8Array && !overlaps(coverage, range)) {
      checkLength(chunk, source);
      await storeBytes(staging, active, source, { range, isExclusive });
      run?.update(source);
    } else {
      const pieces = source instanceof Uint8Array ? source : abortable(source, placed.signal);
      await storeStream(staging, active, placed, new ChunkSource(pieces, run?.update));
      if (!isListed) await active.list(range, isExclusive);
    }
    durable = chunk.size;
  } finally {
    run?.end(durable);
  }
}

/** Fault `conflict` unless the chunk's bytes are those of `stored`. */
export async function compareChunk(
  id: string,
  chunk: Chunk,
  stored: AsyncIterable<Uint8Array>,
): Promise<void> {
  const source = new ChunkSource(chunk.source);
  try {
    const equal = await compareNext(id, source, chunk.offset, stored);
    if (equal !== chunk.size) throw short(chunk, equal);
    if (!(await source.isAtEnd())) throw long(chunk);
  } finally {
    await source.close();
  }
}

/** Bytes and ledger in one step where the store can do that, else one after the other. */
function storeBytes(
  staging: Staging,
  active: ActiveUpload,
  bytes: Uint8Array,
  { range, isExclusive }: { readonly range: ByteRange; readonly isExclusive: boolean },
): Promise<void> {
  if (bytes.length === 0) return Promise.resolve();
  const { record } = active;
  if (staging.joinsRecords(record.staging)) return active.list(range, isExclusive, bytes);
  return staging.write(record.staging, range.start, bytes).then(() => active.list(range, isExclusive));
}

function checkLength(chunk: Chunk, bytes: Uint8Array): void {
  if (bytes.length < chunk.size) throw short(chunk, bytes.length);
  if (bytes.length > chunk.size) throw long(chunk);
}

async function storeStream(
  staging: Staging,
  { id, record }: ActiveUpload,
  { chunk, range }: Placed,
  source: ChunkSource,
): Promise<void> {
  try {
    for (const segment of segments(record.coverage, range)) {
      const length = segment.end - segment.start;
      const taken = segment.covered
        ? await compareNext(id, source, segment.start, staging.read(record.staging, segment))
        : await stageNext(staging, record.staging, segment, source);
      if (taken !== length) throw short(chunk, segment.start - range.start + taken);
    }
    if (!(await source.isAtEnd())) throw long(chunk);
  } catch (error) {
    throw toFault(error);
  } finally {
    await source.close();
  }
}

async function stageNext(
  staging: Staging,
  id: string,
  { start, end }: Segment,
  source: ChunkSource,
): Promise<number> {
  const result = await staging.write(id, start, source.take(end - start));
  if ("interrupted" in result) throw toFault(result.interrupted);
  return result.written;
}

async function compareNext(
  id: string,
  source: ChunkSource,
  offset: number,
  stored: AsyncIterable<Uint8Array>,
): Promise<number> {
  const { equal, differs } = await source.compare(stored);
  if (!differs) return equal;
  throw new Fault(
    "conflict",
    `the bytes after offset ${offset + equal} of ${id} differ from those uploaded before`,
  );
}

function short({ offset, size }: Chunk, received: number): Fault {
  return new Fault(
    "invalid",
    `the chunk at offset ${offset} ended after ${received} bytes; ${size} were declared`,
  );
}

function long({ offset, size }: Chunk): Fault {
  return new Fault(
    "invalid",
    `the chunk at offset ${offset} has more than the ${size} bytes that were declared`,
  );
}
