// Large values of the memory adapter: gathered piece by piece as the contract asks, and then bytes like all others.

import type { JoinedValue, Spool } from "../../ports/kv.ts";
import { Fault } from "../../wire/faults.ts";
import { type Bytes, copyOf } from "../../wire/memcached/bytes.ts";
import type { OpenValue, SpooledValue, Value } from "../../wire/memcached/spooled.ts";

export class MemorySpool implements Spool {
  readonly #size: number;
  readonly #pieces: Buffer[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  async write(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) this.#pieces.push(Buffer.from(piece));
  }

  async finish(): Promise<SpooledValue> {
    const bytes = Buffer.concat(this.#pieces);
    if (bytes.length !== this.#size) {
      throw new Fault("invalid", `the value has ${bytes.length} bytes, and ${this.#size} were declared`);
    }
    return new MemoryValue(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pieces.length = 0;
  }
}

class MemoryValue implements SpooledValue {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  open(): OpenValue {
    const { bytes } = this;
    return {
      length: bytes.length,
      async read(offset, into) {
        const piece = bytes.subarray(offset, offset + into.length);
        into.set(piece);
        return piece.length;
      },
      close: () => undefined,
    };
  }
}

/** A copy: what it was given may be a slice of a received packet. */
export function bytesOf(value: Value | JoinedValue): Uint8Array {
  if ("parts" in value) return new Uint8Array(Buffer.concat(value.parts.map(bytesOf)));
  if (value instanceof MemoryValue) return value.bytes;
  return copyOf(value as Bytes);
}
