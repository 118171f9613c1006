// What memcached answers to each command, and what becomes of the item: pure functions that every store carries out.

import type { Change, Decision, Item, Rules } from "../../ports/kv.ts";
import type { Count, KeyCommand, Store } from "../../wire/memcached/commands.ts";
import { readNumericValue } from "../../wire/memcached/numbers.ts";
import { flushTime } from "./expiry.ts";
import { DEFAULT_MAX_ITEM, largestValue } from "./limits.ts";

export interface RuleOptions {
  /** Bytes an item may take, counted as memcached counts them (see limits.ts). */
  readonly maxItem?: number;
}

const TWO_TO_64 = 2n ** 64n;
/** Stored values never expire: an exptime is accepted and has no effect. */
const NEVER = 0;

const MISS: Decision = { reply: "miss" };
const NOT_FOUND: Decision = { reply: "not-found" };
const NOT_STORED: Decision = { reply: "not-stored" };
const EXISTS: Decision = { reply: "exists" };
const TOUCHED: Decision = { reply: "touched" };
const TOO_LARGE: Decision = { reply: "too-large" };
const NOT_NUMERIC: Decision = { reply: "not-numeric" };
const REMOVED: Change = { kind: "remove" };
const DELETED: Decision = { reply: "deleted", change: REMOVED };
const TOO_LARGE_REMOVED: Decision = { reply: "too-large", change: REMOVED };

export function createRules({ maxItem = DEFAULT_MAX_ITEM }: RuleOptions = {}): Rules {
  return {
    needsValue: ({ kind }) =>
      kind === "get" ||
      kind === "gat" ||
      kind === "append" ||
      kind === "prepend" ||
      kind === "incr" ||
      kind === "decr",
    decide: (command, item) => decide(command, item, maxItem),
    flushAt: flushTime,
  };
}

function decide(command: KeyCommand, item: Item | undefined, maxItem: number): Decision {
  switch (command.kind) {
    case "get":
      return item ? { reply: found(item) } : MISS;
    case "gat":
      return item ? withTouch({ reply: found(item) }, item) : MISS;
    case "set":
      return put(command);
    case "add":
      return item ? NOT_STORED : put(command);
    case "replace":
      return item ? put(command) : NOT_STORED;
    case "cas":
      if (!item) return NOT_FOUND;
      return item.cas === command.cas ? put(command) : EXISTS;
    case "append":
      return item ? join(command.key, item, item.value, command.value, maxItem) : NOT_STORED;
    case "prepend":
      return item ? join(command.key, item, command.value, item.value, maxItem) : NOT_STORED;
    case "incr":
    case "decr":
      return item ? count(command, item) : NOT_FOUND;
    case "delete":
      return item ? DELETED : NOT_FOUND;
    case "touch":
      return item ? withTouch(TOUCHED, item) : NOT_FOUND;
    case "too-large":
      // As in memcached: better no value than one that the client believes it has replaced.
      return item && command.verb === "set" ? TOO_LARGE_REMOVED : TOO_LARGE;
  }
}

function found({ flags, cas, value }: Item): Decision["reply"] {
  return { kind: "found", flags, cas, value };
}

function put({ flags, value }: Store): Decision {
  return { reply: "stored", change: { kind: "put", flags, exptime: NEVER, value } };
}

function withTouch(decision: Decision, item: Item): Decision {
  return item.exptime === NEVER ? decision : { ...decision, change: { kind: "touch", exptime: NEVER } };
}

/** `append` and `prepend` keep the item's flags and exptime, and ignore those of the command. */
function join(key: string, item: Item, first: Uint8Array, second: Uint8Array, maxItem: number): Decision {
  const size = first.length + second.length;
  if (size > largestValue(maxItem, key.length, item.flags)) return NOT_STORED;
  const value = new Uint8Array(size);
  value.set(first);
  value.set(second, first.length);
  return { reply: "stored", change: { kind: "put", flags: item.flags, exptime: item.exptime, value } };
}

/** Wraps at 2^64, stops at 0; a result shorter than the stored digits is padded with spaces, as memcached does. */
function count({ kind, delta }: Count, item: Item): Decision {
  const old = readNumericValue(item.value);
  if (old === undefined) return NOT_NUMERIC;
  const result = kind === "incr" ? (old + delta) % TWO_TO_64 : delta > old ? 0n : old - delta;
  const digits = result.toString();
  const value = Buffer.from(digits.padEnd(item.size, " "), "latin1");
  return {
    reply: { kind: "counted", digits },
    change: { kind: "put", flags: item.flags, exptime: item.exptime, value },
  };
}
