// Memory for values that is used again: chunks are large, and collectors free large garbage late.

/** Keeps buffers of the size that was last asked for: all chunks of a file but the last have one size. */
export class Room {
  #free: Uint8Array[] = [];
  #size = 0;

  /** Exactly that many bytes, with any content. */
  take(bytes: number): Uint8Array {
    if (bytes !== this.#size) this.#free = [];
    this.#size = bytes;
    return this.#free.pop() ?? new Uint8Array(bytes);
  }

  /** The value is overwritten by what is read next. */
  giveBack(value: Uint8Array): void {
    if (value.buffer.byteLength === this.#size) this.#free.push(new Uint8Array(value.buffer));
  }
}
