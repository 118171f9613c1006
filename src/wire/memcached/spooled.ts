// Values that are too large for memory: their bytes lie in the store, and commands and replies carry a handle.

import type { Bytes } from "./bytes.ts";

/** Of an item: bytes, or a handle to them. Both tell their `length`. */
export type Value = Bytes | SpooledValue;

export interface SpooledValue {
  /** Bytes; named so that both kinds of values are measured alike. */
  readonly length: number;

  /**
   * Opens it for reading. To be called in the turn in which the handle was given, before anything is awaited: later the item may have
   * been overwritten, and its bytes be gone (Fault `replaced`). Fault `corrupt` when they are damaged.
   */
  open(): OpenValue;
}

/** A value as it was when it was opened, whatever becomes of its key. Who opens it closes it. */
export interface OpenValue {
  readonly length: number;

  /**
   * Reads from `offset` on into `into`, which belongs to the reader until then. Resolves how many bytes it was: `into` is filled, but at
   * the end of the value. One read at a time. Fault `corrupt` if the bytes are not there.
   */
  read(offset: number, into: Uint8Array): Promise<number>;

  /** More than once does no harm. A read that is under way ends as it would have. */
  close(): void;
}

export function isSpooled(value: Value): value is SpooledValue {
  return !(value instanceof Uint8Array) && "open" in value;
}
