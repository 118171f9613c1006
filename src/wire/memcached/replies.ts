// What the store answers to a command, as data; the encoder writes it in the words of the protocol.

/** Answers without data. `miss`: a retrieval that found nothing. */
export type Status =
  | "stored"
  | "not-stored"
  | "exists"
  | "not-found"
  | "deleted"
  | "touched"
  | "ok"
  | "miss"
  | "too-large"
  | "not-numeric";

export interface Found {
  readonly kind: "found";
  readonly flags: number;
  readonly cas: number;
  readonly value: Uint8Array;
}

/** The new number of an `incr` or `decr`, in decimal digits. */
export interface Counted {
  readonly kind: "counted";
  readonly digits: string;
}

export type Reply = Status | Found | Counted;

/** Bytes of the value that a reply carries. */
export function valueBytes(reply: Reply): number {
  return typeof reply === "object" && reply.kind === "found" ? reply.value.length : 0;
}
