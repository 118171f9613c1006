// Compressed bytes, known by their first bytes and not by a name, as the bytes they stand for.

import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Fault } from "../wire/faults.ts";
import { wholeFrames } from "./zstd-frames.ts";

export type Compression = "none" | "gzip" | "zstd";

/** By the first bytes of the content; the first four are enough. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  const [a = 0, b, c, d] = head;
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  // A frame to be skipped, with which pzstd begins.
  if (a >> 4 === 0x5 && b === 0x2a && c === 0x4d && d === 0x18) return "zstd";
  return "none";
}

/** Several members or frames one after another are one content. Fault `corrupt` for what is damaged or cut off. */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  if (compression === "none") return yield* source;
  const input = Readable.from(compression === "zstd" ? wholeFrames(source) : source);
  const output = compression === "gzip" ? createGunzip() : createZstdDecompress();
  let sourceError: unknown;
  input.once("error", (error) => {
    sourceError = error;
    output.destroy(error);
  });
  try {
    yield* input.pipe(output);
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    const why = error instanceof Error ? error.message : String(error);
    throw new Fault("corrupt", `the ${compression} data is damaged: ${why}`, { cause: error });
  } finally {
    input.destroy();
    output.destroy();
  }
}
