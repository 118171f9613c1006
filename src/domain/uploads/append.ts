// Bytes that continue an upload where it stands: kept as far as they come, or, with a checksum, all or nothing.

import type { Clock } from "../../ports/clock.ts";
import type { Staging } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import type { ActiveUpload } from "./active-upload.ts";
import { Checkpoints } from "./checkpoints.ts";
import { type Checksum, type ChecksumRun, startChecksum, verifyChecksum } from "./checksum.ts";
import { ChunkSource } from "./chunk-source.ts";
import { type DigestRun, followUpload } from "./digest.ts";

export interface Append {
  /** Where the client believes the upload to stand. */
  readonly offset: number;
  /** The number of bytes, if the client has declared it. */
  readonly size?: number;
  readonly source: AsyncIterable<Uint8Array>;
  /** Nobody reads the source's pieces again, so their memory may be freed once they are stored. */
  readonly isGiven?: boolean;
  /** Of these bytes: when they differ, nothing is changed. */
  readonly checksum?: Checksum;
}

export interface AppendTools {
  readonly staging: Staging;
  readonly clock: Clock;
  /** The upload's; null: not known yet. */
  readonly size: number | null;
  /** How many bytes an upload of unknown size may have in all, at most `wanted`. */
  readonly claim: (wanted: number) => Promise<number>;
}

/** Bytes that are claimed at once for a body whose length is not told. */
const CLAIM = 64 * 1_048_576;

/** After so many ms what a slow client has sent is made durable and listed. */
const STRETCH_MS = 5_000;
/** Checked in memory. */
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
  { staging, clock, size, claim }: AppendTools,
  active: ActiveUpload,
  { source, run, append }: Incoming,
): Promise<void> {
  for (let position = append.offset; ; ) {
    const wanted = position + (append.size ?? CLAIM);
    const limit = size ?? (await claim(wanted));
    const checkpoints = new Checkpoints(active, position);
    const due = clock.now() + STRETCH_MS;
    const stretch = source.take(limit - position, () => checkpoints.hasFailed || clock.now() >= due);
    run.digest = followUpload(active, position);
    const { written, ...end } = await staging.write(active.record.staging, position, stretch, {
      onDurable: (size) => checkpoints.reached(size),
      isGiven: append.isGiven,
    });
    const isWhole = position + written === limit && (size !== null || limit < wanted);
    // A client that goes away after its last byte has sent all of them.
    if (isWhole && !("interrupted" in end) && !(await source.isAtEnd().catch(() => true))) {
      run.digest?.end(0);
      await checkpoints.settle();
      throw beyond(limit);
    }
    await listRest(checkpoints, written, run.digest);
    position += written;
    if ("interrupted" in end) throw toFault(end.interrupted);
    if (isWhole || (await source.isAtEnd())) return;
  }
}

/** What is written without being listed is not there: so bytes can be checked after they were streamed to the disk. */
async function appendChecked(
  { staging, size, claim }: AppendTools,
  active: ActiveUpload,
  { source, run, append, checksum }: Incoming & { readonly checksum: Checksum },
): Promise<void> {
  const { offset } = append;
  const limit =
    size ?? (await claim(append.size === undefined ? Number.MAX_SAFE_INTEGER : offset + append.size));
  const most = Math.min(append.size ?? Number.MAX_SAFE_INTEGER, limit - offset);
  run.checksum = startChecksum(checksum.algorithm);
  run.digest = followUpload(active, offset);
  let listed = 0;
  try {
    const small = most <= SMALL ? await gather(source.take(most)) : undefined;
    if (small) await check(source, run.checksum, checksum, limit);
    const result = await staging.write(active.record.staging, offset, small ?? source.take(most), {
      isGiven: append.isGiven,
    });
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

async function listRest(checkpoints: Checkpoints, written: number, run: DigestRun | undefined) {
  let listed = 0;
  try {
    await checkpoints.end(written);
    listed = written;
  } finally {
    run?.end(listed);
  }
}

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const gathered: Uint8Array[] = [];
  for await (const piece of pieces) gathered.push(piece);
  return Buffer.concat(gathered);
}

function beyond(limit: number): Fault {
  return new Fault("too-large", `more bytes came than the ${limit} that the upload has in all`);
}
