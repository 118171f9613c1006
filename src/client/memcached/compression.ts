// zstd on the way in and out, where the runtime has it: Bun, and Node from 22.15 on.

import { pipeline, Readable } from "node:stream";
import * as zlib from "node:zlib";
import { Fault } from "../../wire/faults.ts";
import { Corrupt, quoted } from "./errors.ts";
import { iterableReader, type SourceReader } from "./source.ts";
import type { Original } from "./upload.ts";
import { abortable } from "./window.ts";

const zstd: Partial<Pick<typeof zlib, "createZstdCompress" | "createZstdDecompress" | "zstdCompressSync">> =
  zlib;
const SAMPLE_BYTES = 1_048_576;
/** Less gain is not worth the time. */
const RATIO_WORTH = 0.9;
const PIECE_BYTES = 262_144;

/** Reads a sample and compresses it; the returned source yields everything again. */
export async function worthCompressing(
  source: SourceReader,
  signal: AbortSignal | undefined,
): Promise<{ readonly source: SourceReader; readonly worth: boolean }> {
  if (!zstd.zstdCompressSync) {
    throw new Fault("invalid", "this runtime has no zstd to compress with", {
      hint: "Use Node 22.15 or later, or Bun; or store without compression.",
    });
  }
  const room = new Uint8Array(SAMPLE_BYTES);
  const sample = room.subarray(0, await abortable(source.read(room), signal));
  const worth = zstd.zstdCompressSync(sample).length < sample.length * RATIO_WORTH;
  return { source: replayed(sample, sample.length < SAMPLE_BYTES, source), worth };
}

/** What the source yields as one zstd stream, of unknown size; `original` is told the bytes before. */
export function compressed(source: SourceReader, original: Original): SourceReader {
  const encoder = zstd.createZstdCompress?.();
  if (!encoder) throw new Fault("internal", "zstd went away");
  // A failure of the source comes out of the iteration.
  pipeline(Readable.from(piecesOf(source, original)), encoder, () => undefined);
  const reader = iterableReader(encoder, undefined);
  return {
    size: undefined,
    read: (into) => reader.read(into),
    async close() {
      encoder.destroy();
      await source.close();
    },
  };
}

/** The bytes that were compressed. Each piece that goes in must stay as it is until the next but some is asked for. */
export async function* decompressed(
  name: string,
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = zstd.createZstdDecompress?.();
  if (!decoder) {
    throw new Fault(
      "unsupported-media",
      `${quoted(name)} is compressed with zstd, which this runtime cannot read`,
      {
        hint: "Read it with Node 22.15 or later, or with Bun.",
      },
    );
  }
  pipeline(Readable.from(pieces), decoder, () => undefined);
  try {
    for await (const piece of decoder) yield piece;
  } catch (error) {
    if (!isCodecError(error)) throw error;
    throw new Corrupt(name, "its compressed bytes cannot be read");
  } finally {
    decoder.destroy();
  }
}

async function* piecesOf(
  source: SourceReader,
  original: Original,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const room = new Uint8Array(PIECE_BYTES);
    const filled = await source.read(room);
    const piece = room.subarray(0, filled);
    await original.add(piece);
    if (filled > 0) yield piece;
    if (filled < PIECE_BYTES) return;
  }
}

function replayed(sample: Uint8Array, ended: boolean, source: SourceReader): SourceReader {
  let at = 0;
  return {
    size: source.size,
    async read(into) {
      const piece = sample.subarray(at, at + into.length);
      into.set(piece);
      at += piece.length;
      if (ended || piece.length === into.length) return piece.length;
      return piece.length + (await source.read(into.subarray(piece.length)));
    },
    close: () => source.close(),
  };
}

function isCodecError(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(ERR_)?Z(STD|_)|^ERR_ZSTD/.test(String(error.code));
}
