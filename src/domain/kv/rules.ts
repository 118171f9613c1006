// What memcached answers to each command, and what becomes of the item: pure functions that every store carries out.

import type { Change, Decision, Item, Rules } from "../../ports/kv.ts";
import type { Count, KeyCommand, Store } from "../../wire/memcached/commands.ts";
import { readNumericValue } from "../../wire/memcached/numbers.ts";
import { expiryTime, flushTime, isExpired, NEVER } from "./expiry.ts";
import { DEFAULT_MAX_ITEM, largestValue } from "./limits.ts";

export interface RuleOptions {
  /** Bytes an item may take, counted as memcached counts them (see limits.ts). */
  readonly maxItem?: number;
  /** Whether exptimes take effect; default false: stored values never expire. */
  readonly expire?: boolean;
}

/** What a decision is made in. */
interface Moment {
  readonly now: number;
  readonly nextCas: number;
  readonly maxItem: number;
  readonly expire: boolean;
}

const TWO_TO_64 = 2n ** 64n;

const MISS: Decision = { reply: "miss" };
const NOT_FOUND: Decision = { reply: "not-found" };
const NOT_STORED: Decision = { reply: "not-stored" };
const EXISTS: Decision = { reply: "exists" };
const TOO_LARGE: Decision = { reply: "too-large" };
const NOT_NUMERIC: Decision = { reply: "not-numeric" };
const REMOVED: Change = { kind: "remove" };
const DELETED: Decision = { reply: "deleted", change: REMOVED };
const TOO_LARGE_REMOVED: Decision = { reply: "too-large", change: REMOVED };

export function createRules({ maxItem = DEFAULT_MAX_ITEM, expire = false }: RuleOptions = {}): Rules {
  return {
    needsValue: ({ kind }) =>
      kind === "get" ||
      kind === "gat" ||
      kind === "append" ||
      kind === "prepend" ||
      kind === "incr" ||
      kind === "decr",
    decide: (command, item, now, nextCas) => {
      // The most frequent command by far, and the only one that needs no more than this.
      if (command.kind === "get") return item && !isExpired(item, now) ? fetched(item) : MISS;
      return decide(command, item, { now, nextCas, maxItem, expire });
    },
    flushAt: flushTime,
  };
}

function decide(command: KeyCommand, stored: Item | undefined, moment: Moment): Decision {
  const item = stored && !isExpired(stored, moment.now) ? stored : undefined;
  switch (command.kind) {
    case "get":
      return item ? fetched(item) : MISS;
    case "gat":
      return item ? { ...fetched(item), ...touched(item, command.exptime, moment) } : MISS;
    case "set":
      return put(command, stored, moment);
    case "add":
      return item ? NOT_STORED : put(command, stored, moment);
    case "replace":
      return item ? put(command, stored, moment) : NOT_STORED;
    case "cas":
      if (!item) return NOT_FOUND;
      return item.cas === command.cas ? put(command, stored, moment) : EXISTS;
    case "append":
      return item ? join(command.key, item, item.value, command.value, moment) : NOT_STORED;
    case "prepend":
      return item ? join(command.key, item, command.value, item.value, moment) : NOT_STORED;
    case "incr":
    case "decr":
      return item ? count(command, item, moment) : NOT_FOUND;
    case "delete":
      return item ? DELETED : NOT_FOUND;
    case "touch":
      return item ? { reply: "touched", ...touched(item, command.exptime, moment) } : NOT_FOUND;
    case "too-large":
      // As in memcached: better no value than one that the client believes it has replaced.
      return item && command.verb === "set" ? TOO_LARGE_REMOVED : TOO_LARGE;
  }
}

function fetched({ flags, cas, value }: Item): Decision {
  return { reply: { kind: "found", flags, cas, value }, fetch: true };
}

/** What is stored as expired already is removed at once: nobody could see it. */
function put({ flags, exptime, value }: Store, stored: Item | undefined, moment: Moment): Decision {
  const expiry = expiryOf(exptime, moment);
  if (isExpired({ exptime: expiry }, moment.now)) {
    return stored ? { reply: "stored", change: REMOVED } : { reply: "stored" };
  }
  return {
    reply: "stored",
    change: { kind: "put", flags, exptime: expiry, cas: moment.nextCas, state: 0, value },
  };
}

function touched(item: Item, exptime: number, moment: Moment): Pick<Decision, "change"> {
  const expiry = expiryOf(exptime, moment);
  if (isExpired({ exptime: expiry }, moment.now)) return { change: REMOVED };
  if (expiry === item.exptime) return {};
  return { change: { kind: "touch", exptime: expiry, cas: item.cas, state: item.state } };
}

function expiryOf(exptime: number, { now, expire }: Moment): number {
  return expire ? expiryTime(exptime, now) : NEVER;
}

/** `append` and `prepend` keep the item's flags and exptime, and ignore those of the command. */
function join(key: string, item: Item, first: Uint8Array, second: Uint8Array, moment: Moment): Decision {
  const { flags, exptime } = item;
  const size = first.length + second.length;
  if (size > largestValue(moment.maxItem, key.length, flags)) return NOT_STORED;
  const value = new Uint8Array(size);
  value.set(first);
  value.set(second, first.length);
  return { reply: "stored", change: { kind: "put", flags, exptime, cas: moment.nextCas, state: 0, value } };
}

/** Wraps at 2^64, stops at 0; a result shorter than the stored digits is padded with spaces, as memcached does. */
function count({ kind, delta }: Count, item: Item, { nextCas }: Moment): Decision {
  const old = readNumericValue(item.value);
  if (old === undefined) return NOT_NUMERIC;
  const result = kind === "incr" ? (old + delta) % TWO_TO_64 : delta > old ? 0n : old - delta;
  const digits = result.toString();
  const value = Buffer.from(digits.padEnd(item.size, " "), "latin1");
  const { flags, exptime, state } = item;
  return {
    reply: { kind: "counted", digits },
    change: { kind: "put", flags, exptime, cas: nextCas, state, value },
  };
}
