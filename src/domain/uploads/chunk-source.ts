// A chunk's bytes, taken in stretches: so that some are written and others compared, with nothing buffered.

/** Reads one source in several parts. What is left over of a piece waits for the next part. */
export class ChunkSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #left: Uint8Array | undefined;

  readonly #onPiece: ((piece: Uint8Array) => void) | undefined;

  /** `onPiece` sees all bytes that are taken, in order. */
  constructor(source: AsyncIterable<Uint8Array> | Uint8Array, onPiece?: (piece: Uint8Array) => void) {
    const pieces = source instanceof Uint8Array ? once(source) : source;
    this.#iterator = pieces[Symbol.asyncIterator]();
    this.#onPiece = onPiece;
  }

  /** Up to `size` bytes; fewer when the source ends, or `isEnough` says so after a piece. */
  async *take(size: number, isEnough: () => boolean = () => false): AsyncGenerator<Uint8Array> {
    let wanted = size;
    while (wanted > 0) {
      const piece = await this.#next();
      if (!piece) return;
      if (piece.length > wanted) this.#left = piece.subarray(wanted);
      const taken = piece.subarray(0, wanted);
      wanted -= taken.length;
      this.#onPiece?.(taken);
      yield taken;
      if (isEnough()) return;
    }
  }

  /** Takes as many bytes as `stored` has and compares: how many were equal from the start, and whether one differed. */
  async compare(stored: AsyncIterable<Uint8Array>): Promise<{ equal: number; differs: boolean }> {
    let equal = 0;
    for await (const piece of stored) {
      let position = 0;
      for await (const part of this.take(piece.length)) {
        const differs = Buffer.compare(part, piece.subarray(position, position + part.length)) !== 0;
        if (differs) return { equal, differs };
        position += part.length;
        equal += part.length;
      }
      if (position < piece.length) break;
    }
    return { equal, differs: false };
  }

  /** True when the source has no more bytes. */
  async isAtEnd(): Promise<boolean> {
    for (;;) {
      const piece = await this.#next();
      if (!piece) return true;
      if (piece.length === 0) continue;
      this.#left = piece;
      return false;
    }
  }

  /** Tells the source that no more will be asked for. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const left = this.#left;
    if (left) {
      this.#left = undefined;
      return left;
    }
    const next = await this.#iterator.next();
    return next.done ? undefined : next.value;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
