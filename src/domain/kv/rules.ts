// What memcached answers to each command, and what becomes of the item: pure functions that every store carries out.

import type { Change, Decision, Item, JoinedValue, Rules } from "../../ports/kv.ts";
import type { Count, KeyCommand, Store } from "../../wire/memcached/commands.ts";
import { flushTime, isExpired } from "./expiry.ts";
import { DEFAULT_MAX_ITEM, SPOOL_FROM } from "./limits.ts";
import { metaCount, metaDebug, metaDelete, metaGet, metaStore } from "./meta-rules.ts";
import { expiryOf, isPast, type Moment } from "./moment.ts";
import { addTo, joined } from "./values.ts";

export interface RuleOptions {
  /** Bytes an item may take, counted as memcached counts them (see limits.ts). */
  readonly maxItem?: number;
  /** A joined value of more bytes is made outside of memory; default 1 MiB. */
  readonly spoolFrom?: number;
  /** Whether exptimes take effect; default false: stored values never expire. */
  readonly expire?: boolean;
}

const MISS: Decision = { reply: "miss" };
const NOT_FOUND: Decision = { reply: "not-found" };
const NOT_STORED: Decision = { reply: "not-stored" };
const EXISTS: Decision = { reply: "exists" };
const TOO_LARGE: Decision = { reply: "too-large" };
const NOT_NUMERIC: Decision = { reply: "not-numeric" };
const REMOVED: Change = { kind: "remove" };
const DELETED: Decision = { reply: "deleted", change: REMOVED };
const TOO_LARGE_REMOVED: Decision = { reply: "too-large", change: REMOVED };

export function createRules(options: RuleOptions = {}): Rules {
  const { maxItem = DEFAULT_MAX_ITEM, spoolFrom = SPOOL_FROM, expire = false } = options;
  return {
    // The most frequent write: it replaces whatever there is. (Only one that is expired already removes it.)
    needsItem: (command) => command.kind !== "set" || (expire && command.exptime !== 0),
    needsValue,
    isPlain,
    decide: (command, item, now, nextCas) => {
      // The most frequent command by far, and the only one that needs no more than this.
      if (command.kind === "get") return item && !isExpired(item, now) ? fetched(item) : MISS;
      return decide(command, item, { now, nextCas, maxItem, spoolFrom, expire });
    },
    flushAt: flushTime,
  };
}

function needsValue(command: KeyCommand): boolean {
  switch (command.kind) {
    case "get":
    case "gat":
    case "append":
    case "prepend":
    case "incr":
    case "decr":
    case "ma":
      return true;
    case "mg":
      return command.meta.value;
    case "ms":
      return command.mode === "append" || command.mode === "prepend";
    default:
      return false;
  }
}

function isPlain(command: KeyCommand): boolean {
  return command.kind === "get" || (command.kind === "mg" && command.meta.plain);
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
      return item ? join(command.key, item, [item.value, command.value], moment) : NOT_STORED;
    case "prepend":
      return item ? join(command.key, item, [command.value, item.value], moment) : NOT_STORED;
    case "incr":
    case "decr":
      return item ? count(command, item, moment) : NOT_FOUND;
    case "delete":
      return item ? DELETED : NOT_FOUND;
    case "touch":
      return item ? { reply: "touched", fetch: true, ...touched(item, command.exptime, moment) } : NOT_FOUND;
    case "too-large":
      // As in memcached: better no value than one that the client believes it has replaced.
      return stored && (command.verb === "set" || command.verb === "ms") ? TOO_LARGE_REMOVED : TOO_LARGE;
    case "mg":
      return item?.state === 0 && isPlain(command) ? fetched(item) : metaGet(command, item, stored, moment);
    case "ms":
      return metaStore(command, item, stored, moment);
    case "md":
      return metaDelete(command, item, moment);
    case "ma":
      return metaCount(command, item, stored, moment);
    case "me":
      return metaDebug(command, item, moment);
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
  if (isPast(expiry, moment)) return { change: REMOVED };
  if (expiry === item.exptime) return {};
  return { change: { kind: "touch", exptime: expiry, cas: item.cas, state: item.state } };
}

/** `append` and `prepend` keep the item's flags and exptime, and ignore those of the command. */
function join(key: string, item: Item, parts: JoinedValue["parts"], moment: Moment): Decision {
  const { flags, exptime } = item;
  const value = joined(parts, key, flags, moment);
  if (!value) return NOT_STORED;
  return { reply: "stored", change: { kind: "put", flags, exptime, cas: moment.nextCas, state: 0, value } };
}

function count({ kind, delta }: Count, item: Item, { nextCas }: Moment): Decision {
  const sum = addTo(item.value, kind, delta);
  if (!sum) return NOT_NUMERIC;
  const { flags, exptime, state } = item;
  const change: Change = { kind: "put", flags, exptime, cas: nextCas, state, value: sum.value };
  return { reply: { kind: "counted", digits: sum.digits }, change };
}
