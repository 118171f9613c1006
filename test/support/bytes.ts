// Streams of bytes for tests: pieces, broken sources, and what a reader got in all.

/** The pieces one after the other, as a client would send them. */
export async function* stream(...pieces: (Uint8Array | string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece;
    yield typeof piece === "string" ? Buffer.from(piece) : piece;
  }
}

/** Everything that `source` gives, as one buffer. */
export async function readAll(
  source: AsyncIterable<Uint8Array> | Blob | ReadableStream<Uint8Array>,
): Promise<Buffer> {
  if (source instanceof Blob) return Buffer.from(await source.arrayBuffer());
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/** 64 lower-case hexadecimal digits. */
export function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** The fault's code that `promise` rejects with; fails when it does not reject. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code);
    return String(error);
  }
  throw new Error("expected a fault, but it succeeded");
}
