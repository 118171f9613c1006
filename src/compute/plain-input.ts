// Inputs of a merge as plain lines, whatever they are compressed with.

import { Fault, isFault } from "../wire/faults.ts";
import { type Compression, compressionOf, decompressed } from "./compression.ts";
import { type MergeInput, streamOf } from "./merge-input.ts";

/** The first bytes tell. */
const HEAD = 4;

/** The same input, decompressed as it is read if its content, not its name, says that it is gzip or zstd. */
export function plainInput(input: MergeInput): MergeInput {
  if (input.file) {
    const compression = compressionOfFile(input.file);
    if (compression === "none") return input;
  }
  const { name, size } = input;
  return { name, size, open: (signal) => plainPieces(name, streamOf(input, signal)) };
}

function compressionOfFile(open: NonNullable<MergeInput["file"]>): Compression {
  const file = open();
  try {
    const head = new Uint8Array(HEAD);
    return compressionOf(head.subarray(0, file.read(head, 0)));
  } finally {
    file.close();
  }
}

async function* plainPieces(
  name: string,
  source: AsyncGenerator<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const pieces = source[Symbol.asyncIterator]();
  try {
    let head: Uint8Array = new Uint8Array(0);
    let ended = false;
    while (head.length < HEAD && !ended) {
      const next = await pieces.next();
      ended = next.done === true;
      if (next.done !== true) head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
    }
    yield* named(name, decompressed(resumed(head, pieces), compressionOf(head)));
  } finally {
    await pieces.return?.();
  }
}

/** What is damaged is one of perhaps thousands. */
async function* named(name: string, pieces: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    if (!isFault(error, "corrupt")) throw error;
    throw new Fault("corrupt", `${name}: ${error.message}`, { cause: error });
  }
}

async function* resumed(head: Uint8Array, pieces: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return;
    yield value;
  }
}
