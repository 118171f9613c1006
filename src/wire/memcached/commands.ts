// What a memcached client can ask for, as data: the parser makes it, the domain decides on it.

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
  /** Valid until the batch is answered: an adapter that keeps it must copy it. */
  readonly value: Uint8Array;
  /**
   * Only for `cas`; 0 otherwise. Beyond 2^53 it is rounded, which is harmless: the uniques we hand out stay below.
   */
  readonly cas: number;
}

/** The head of a store command whose block is still to come. */
export interface StoreHead {
  readonly verb: StoreVerb;
  readonly key: string;
  readonly flags: number;
  readonly exptime: number;
  readonly bytes: number;
  readonly cas: number;
  readonly noreply: boolean;
}

/** A store whose declared length was over the limit; its block was swallowed. */
export interface StoreTooLarge extends Keyed {
  readonly kind: "too-large";
  readonly verb: StoreVerb;
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

/** Carried out by the store, on one key. */
export type KeyCommand = Get | GetAndTouch | Store | StoreTooLarge | Count | Delete | Touch;

/** Carried out by the store. */
export type ItemCommand = KeyCommand | FlushAll;

/** Answered by the connection itself. */
export type LocalCommand =
  /** A fixed line: `ERROR`, `MN`, `OK`, … without its line end. */
  | { readonly kind: "line"; readonly text: string; readonly noreply: boolean }
  | { readonly kind: "version" }
  | { readonly kind: "stats"; readonly topic: string }
  /** Says `text` if there is any, then closes. Nothing after it is parsed. */
  | { readonly kind: "close"; readonly text: string };

export type Command = ItemCommand | LocalCommand;

export function isLocal(command: Command): command is LocalCommand {
  const { kind } = command;
  return kind === "line" || kind === "version" || kind === "stats" || kind === "close";
}

/** Whether it changes what is stored, as a rule; the others seldom do (see `Rules.decide`). */
export function isWrite(command: ItemCommand): boolean {
  return command.kind !== "get";
}
