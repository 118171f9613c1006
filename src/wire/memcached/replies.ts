// What the store answers to a command, as data; the encoder writes it in the words of the protocol.

import { isSpooled, type Value } from "./spooled.ts";

/** Answers without data. `miss`: a retrieval that found nothing. `cut`: the connection ended in the block, nobody is answered. */
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
  | "not-numeric"
  | "bad-block"
  | "cut";

/** What a `get` is answered, and a meta get that asks for no more than this. */
export interface Found {
  readonly kind: "found";
  readonly flags: number;
  readonly cas: number;
  readonly value: Value;
}

/** The new number of an `incr` or `decr`, in decimal digits. */
export interface Counted {
  readonly kind: "counted";
  readonly digits: string;
}

/** What a meta command may tell of an item. */
export interface MetaFacts {
  readonly flags: number;
  readonly cas: number;
  /** Bytes of the value. */
  readonly size: number;
  /** Seconds until it expires, before the command changes that; -1: never. */
  readonly ttl: number;
  /** The same behind its `T`, and behind an `N` that made the item: what is told depends on where the `t` stands. */
  readonly touchedTtl?: number;
  readonly madeTtl?: number;
  /** Seconds since it was fetched or stored, and whether it was fetched since it was stored, as far as is remembered. */
  readonly idle: number;
  readonly hit: boolean;
  /** The key was stored in base64. */
  readonly binaryKey: boolean;
}

/** The answer to a meta command. */
export interface MetaReply {
  readonly kind: "meta";
  readonly code: "HD" | "EN" | "NF" | "NS" | "EX" | "ME";
  /** Given with a value it is a `VA`. */
  readonly value?: Value | undefined;
  /** Not there either where nothing of the item is told. */
  readonly facts?: MetaFacts | undefined;
  /** The last flags: `W` won, `X` stale, `Z` a winner was told already. */
  readonly marks?: "" | "W" | "X W" | "Z" | "Z X";
  /** Bytes the item takes, for `ME`. */
  readonly itemSize?: number;
  /** Answered although the command is quiet. */
  readonly loud?: true;
}

export type Reply = Status | Found | Counted | MetaReply;

/** Bytes of the value that a reply carries, for a budget: what is spooled is more than any, so that one call gives out one at most. */
export function valueBytes(reply: Reply): number {
  if (typeof reply === "string" || reply.kind === "counted") return 0;
  const { value } = reply;
  if (value === undefined) return 0;
  return isSpooled(value) ? Number.POSITIVE_INFINITY : value.length;
}
