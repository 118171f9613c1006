// What a memcached client can ask for, as data: the parser makes it, the domain decides on it.

import type { MetaFlags } from "./meta-flags.ts";
import type { Value } from "./spooled.ts";

/**
 * A key is a string of one character (U+0000 to U+00FF) per byte: at most 250, no space, no line end.
 * `noreply`: the command is carried out, and nothing is answered, not even an error.
 */
interface Keyed {
  readonly key: string;
  readonly noreply: boolean;
}

/** One key of a `get` or `gets`; a line with several keys becomes several commands. */
export interface Get {
  readonly kind: "get";
  readonly key: string;
  /** `gets`: the cas unique is answered too. */
  readonly withCas: boolean;
  /** The last key of its line: `END` follows. */
  readonly last: boolean;
}

/** One key of a `gat` or `gats`. */
export interface GetAndTouch {
  readonly kind: "gat";
  readonly key: string;
  readonly exptime: number;
  readonly withCas: boolean;
  readonly last: boolean;
}

export type StoreVerb = "set" | "add" | "replace" | "append" | "prepend" | "cas";

export interface Store extends Keyed {
  readonly kind: StoreVerb;
  /** 32 bits, unsigned. */
  readonly flags: number;
  /** As it was sent: 0, seconds from now up to 30 days, a time in seconds since 1970 above that, or negative. */
  readonly exptime: number;
  /** Bytes are valid until the batch is answered: an adapter that keeps them must copy them. A handle is one of `Kv.spool`. */
  readonly value: Value;
  /**
   * Only for `cas`; 0 otherwise. Beyond 2^53 it is rounded, which is harmless: the uniques we hand out stay below.
   */
  readonly cas: number;
}

/** The head of a store command whose block is still to come. */
export type StoreHead = PlainStoreHead | MetaStoreHead;

export interface PlainStoreHead {
  readonly verb: StoreVerb;
  readonly key: string;
  readonly flags: number;
  readonly exptime: number;
  readonly bytes: number;
  readonly cas: number;
  readonly noreply: boolean;
}

export interface MetaStoreHead {
  readonly verb: "ms";
  readonly key: string;
  readonly flags: number;
  readonly bytes: number;
  readonly mode: MetaStoreMode;
  readonly meta: Readonly<MetaFlags>;
}

/** A store whose line is wrong, but tells how long the block is that follows: it is swallowed. */
export interface RefusedHead {
  readonly verb: "refused";
  readonly bytes: number;
  /** The error. */
  readonly text: string;
}

/** A store whose declared length was over the limit; its block was swallowed. */
export interface StoreTooLarge extends Keyed {
  readonly kind: "too-large";
  readonly verb: StoreVerb | "ms";
}

export interface Count extends Keyed {
  readonly kind: "incr" | "decr";
  /** 0 to 2^64 - 1. */
  readonly delta: bigint;
}

export interface Delete extends Keyed {
  readonly kind: "delete";
}

export interface Touch extends Keyed {
  readonly kind: "touch";
  readonly exptime: number;
}

export interface FlushAll {
  readonly kind: "flush";
  /** As an exptime; 0 or negative: at once. */
  readonly delay: number;
  readonly noreply: boolean;
}

/** What the meta commands have in common; their flags mean what protocol.txt says. */
interface MetaKeyed {
  readonly key: string;
  readonly meta: Readonly<MetaFlags>;
}

export interface MetaGet extends MetaKeyed {
  readonly kind: "mg";
}

export type MetaStoreMode = "set" | "add" | "append" | "prepend" | "replace";

export interface MetaStore extends MetaKeyed {
  readonly kind: "ms";
  readonly mode: MetaStoreMode;
  /** As of `Store`. */
  readonly value: Value;
}

export interface MetaDelete extends MetaKeyed {
  readonly kind: "md";
}

export interface MetaCount extends MetaKeyed {
  readonly kind: "ma";
  readonly mode: "incr" | "decr";
}

/** What is known of an item, for a person. */
export interface MetaDebug {
  readonly kind: "me";
  readonly key: string;
}

export type MetaCommand = MetaGet | MetaStore | MetaDelete | MetaCount | MetaDebug;

/** Carried out by the store, on one key. */
export type KeyCommand = Get | GetAndTouch | Store | StoreTooLarge | Count | Delete | Touch | MetaCommand;

/** Carried out by the store. */
export type ItemCommand = KeyCommand | FlushAll;

/** All keys, in one of memcached's forms. */
export interface ListCommand {
  readonly kind: "list";
  readonly style: "metadump" | "mgdump" | "cachedump";
  /** 0: all. */
  readonly limit: number;
}

/** Answered by the connection itself. */
export type LocalCommand =
  | ListCommand
  | { readonly kind: "auth"; readonly user: string; readonly password: string }
  /** A store whose block is too large for memory: it is the next that comes, its line end included, and is not parsed. */
  | { readonly kind: "large"; readonly head: StoreHead }
  /** A fixed line: `ERROR`, `MN`, `OK`, … without its line end. */
  | { readonly kind: "line"; readonly text: string; readonly noreply: boolean }
  | { readonly kind: "version" }
  | { readonly kind: "stats"; readonly topic: string }
  /** Says `text` if there is any, then closes. Nothing after it is parsed. */
  | { readonly kind: "close"; readonly text: string };

export type Command = ItemCommand | LocalCommand;

export function isLocal(command: Command): command is LocalCommand {
  switch (command.kind) {
    case "line":
    case "version":
    case "stats":
    case "list":
    case "auth":
    case "large":
    case "close":
      return true;
    default:
      return false;
  }
}

/** Whether it changes what is stored, as a rule; the others seldom do (see `Rules.decide`). */
export function isWrite(command: ItemCommand): boolean {
  const { kind } = command;
  if (kind === "mg") return command.meta.exptime !== undefined;
  return kind !== "get" && kind !== "me";
}

/** Whether nothing is answered, not even that the store failed. Meta commands always tell of errors. */
export function isSilent(command: ItemCommand): boolean {
  if (command.kind === "get" || command.kind === "gat") return !command.last;
  return "noreply" in command && command.noreply;
}

/** The command whose head it was, now that its value is there. */
export function storeCommand(head: StoreHead, value: Value): Store | MetaStore {
  if (head.verb === "ms") {
    const { key, mode, meta } = head;
    return { kind: "ms", key, mode, meta, value };
  }
  const { verb, key, flags, exptime, cas, noreply } = head;
  return { kind: verb, key, flags, exptime, value, cas, noreply };
}
