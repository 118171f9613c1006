// Bytes that continue an upload where it stands: kept as far as they come, or, with a checksum, all or nothing.

import type { Clock } from "../../ports/clock.ts";
import type { Staging } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import type { ActiveUpload } from "./active-upload.ts";
import { type Checksum, type ChecksumRun, startChecksum, verifyChecksum } from "./checksum.ts";
import { ChunkSource } from "./chunk-source.ts";
import type { DigestRun } from "./digest.ts";

export interface Append {
  /** Where the client believes the upload to stand. */
  readonly offset: number;
  /** The number of bytes, if the client has declared it. */
  readonly size?: number;
  readonly source: AsyncIterable<Uint8Array>;
  /** Of these bytes: when they differ, nothing is changed. */
  readonly checksum?: Checksum;
}

export interface AppendTools {
  readonly staging: Staging;
  readonly clock: Clock;
  /** The upload's size, or the most that it may have; no byte may lie there or beyond. */
  readonly limit: number;
}

/** After so many bytes, or ms, what has come is made durable and listed: what a crash can take from a long request. */
const STRETCH = 32 * 1_048_576;
const STRETCH_MS = 5_000;
/** Checked in memory; also the most that a small upload holds (see `SMALL` in store-chunk.ts). */
const SMALL = 65_536;

/**
 * Stores and lists the bytes from `append.offset` on. The caller holds the reservation, and has compared the offset.
 *
 * Faults: the source's own (what came before it is kept), `too-large` (beyond the upload's end), `checksum`, `no-space`.
 */
export async function appendTo(
  tools: AppendTools,
  active: ActiveUpload,
  append: Append,
  signal: AbortSignal | undefined,
): Promise<void> {
  const run: Run = { checksum: undefined, digest: undefined };
  const follow = (piece: Uint8Array) => {
    run.checksum?.update(piece);
    run.digest?.update(piece);
  };
  const source = new ChunkSource(abortable(append.source, signal), follow);
  try {
    if (append.checksum) {
      await appendChecked(tools, active, { source, run, append, checksum: append.checksum });
    } else await appendKept(tools, active, { source, run, append });
  } finally {
    await source.close();
  }
}

interface Run {
  checksum: ChecksumRun | undefined;
  digest: DigestRun | undefined;
}

interface Incoming {
  readonly source: ChunkSource;
  readonly run: Run;
  readonly append: Append;
}

async function appendKept(
  { staging, clock, limit }: AppendTools,
  active: ActiveUpload,
  { source, run, append }: Incoming,
): Promise<void> {
  for (let position = append.offset; ; ) {
    const due = clock.now() + STRETCH_MS;
    const stretch = source.take(Math.min(STRETCH, limit - position), () => clock.now() >= due);
    run.digest = followed(active, position);
    const { written, ...end } = await staging.write(active.record.staging, position, stretch);
    const isWhole = position + written === limit;
    // A client that goes away after its last byte has sent all of them.
    if (isWhole && !("interrupted" in end) && !(await source.isAtEnd().catch(() => true))) {
      run.digest?.end(0);
      throw beyond(limit);
    }
    await list(active, position, written, run.digest);
    position += written;
    if ("interrupted" in end) throw toFault(end.interrupted);
    if (isWhole || (await source.isAtEnd())) return;
  }
}

/** What is written without being listed is not there: so bytes can be checked after they were streamed to the disk. */
async function appendChecked(
  { staging, limit }: AppendTools,
  active: ActiveUpload,
  { source, run, append, checksum }: Incoming & { readonly checksum: Checksum },
): Promise<void> {
  const { offset } = append;
  const most = Math.min(append.size ?? Number.MAX_SAFE_INTEGER, limit - offset);
  run.checksum = startChecksum(checksum.algorithm);
  run.digest = followed(active, offset);
  let listed = 0;
  try {
    const small = most <= SMALL ? await gather(source.take(most)) : undefined;
    if (small) await check(source, run.checksum, checksum, limit);
    const result = await staging.write(active.record.staging, offset, small ?? source.take(most));
    if ("interrupted" in result) throw toFault(result.interrupted);
    if (!small) await check(source, run.checksum, checksum, limit);
    if (result.written > 0) await active.list({ start: offset, end: offset + result.written }, true);
    listed = result.written;
  } finally {
    run.digest?.end(listed);
  }
}

async function check(source: ChunkSource, run: ChecksumRun, checksum: Checksum, limit: number) {
  if (!(await source.isAtEnd())) throw beyond(limit);
  verifyChecksum(run, checksum);
}

async function list(active: ActiveUpload, start: number, written: number, run: DigestRun | undefined) {
  let listed = 0;
  try {
    if (written > 0) await active.list({ start, end: start + written }, true);
    listed = written;
  } finally {
    run?.end(listed);
  }
}

/** Small uploads are hashed at their end, from bytes read back. */
function followed(active: ActiveUpload, offset: number): DigestRun | undefined {
  const isSmall = active.record.size !== null && active.record.size <= SMALL;
  return isSmall ? undefined : active.digest?.follow(offset);
}

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const gathered: Uint8Array[] = [];
  for await (const piece of pieces) gathered.push(piece);
  return Buffer.concat(gathered);
}

function beyond(limit: number): Fault {
  return new Fault("too-large", `more bytes came than the ${limit} that the upload has in all`);
}
