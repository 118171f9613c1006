// The thread that hashes large staged files, so that no other request waits for a turn meanwhile.

import { closeSync, openSync, readSync } from "node:fs";

export interface DigestRequest {
  readonly path: string;
  /** How many of the file's bytes, from its start. */
  readonly size: number;
}

export type DigestAnswer =
  | { readonly kind: "digest"; readonly sha256: string }
  /** The file ended before. */
  | { readonly kind: "short"; readonly size: number }
  /** `code`: the system's, such as `ENOENT`. */
  | { readonly kind: "failed"; readonly code: string | undefined; readonly message: string };

declare const self: Worker;

const PIECE = 1_048_576;

if (!Bun.isMainThread) {
  self.onmessage = ({ data }: MessageEvent<DigestRequest>) => self.postMessage(answer(data));
}

function answer(request: DigestRequest): DigestAnswer {
  const steps = digestSteps(request);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Hashes one MiB, about a millisecond's work, between two steps. */
export function* digestSteps(request: DigestRequest): Generator<void, DigestAnswer> {
  try {
    return yield* digest(request);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: "failed", code, message };
  }
}

function* digest({ path, size }: DigestRequest): Generator<void, DigestAnswer> {
  const file = openSync(path, "r");
  try {
    const hasher = new Bun.CryptoHasher("sha256");
    const piece = new Uint8Array(PIECE);
    for (let at = 0; at < size; ) {
      const length = readSync(file, piece, 0, Math.min(PIECE, size - at), at);
      if (length === 0) return { kind: "short", size: at };
      hasher.update(piece.subarray(0, length));
      at += length;
      yield;
    }
    return { kind: "digest", sha256: hasher.digest("hex") };
  } finally {
    closeSync(file);
  }
}
