// What the meta commands answer and what becomes of the item (protocol.txt "Meta Commands"), as memcached 1.6 decides it.

import type { Change, Decision, Item, ItemHead, Put, Retouch } from "../../ports/kv.ts";
import type { MetaCount, MetaDebug, MetaDelete, MetaGet, MetaStore } from "../../wire/memcached/commands.ts";
import type { MetaFlags } from "../../wire/memcached/meta-flags.ts";
import type { MetaFacts, MetaReply } from "../../wire/memcached/replies.ts";
import { NEVER } from "./expiry.ts";
import { itemSize } from "./limits.ts";
import { expiryOf, isPast, type Moment } from "./moment.ts";
import { BINARY_KEY, STALE, WON } from "./state.ts";
import { addTo, joined } from "./values.ts";

type Meta = Readonly<MetaFlags>;

const NO_VALUE = new Uint8Array(0);
const REMOVED: Change = { kind: "remove" };
const MISSED = answer("EN");
const NOT_FOUND = answer("NF");
const NOT_STORED = answer("NS");
const EXISTS = answer("EX");

/** `item`: what is stored and has not expired; `stored`: whatever is stored. */
export function metaGet(
  command: MetaGet,
  item: Item | undefined,
  stored: Item | undefined,
  moment: Moment,
): Decision {
  const { meta } = command;
  if (item) return metaHit(meta, item, moment);
  if (meta.vivify === undefined) return MISSED;
  const put = created(meta, NO_VALUE, 0, madeExptime(meta, meta.vivify), WON, moment);
  const facts = madeFacts(meta, put, moment);
  const reply: MetaReply = {
    kind: "meta",
    code: "HD",
    facts,
    marks: "W",
    ...(meta.value && { value: NO_VALUE }),
  };
  return { reply, ...kept(put, stored, moment), ...(!meta.silent && { fetch: true }) };
}

function metaHit(meta: Meta, item: Item, moment: Moment): Decision {
  const exptime = meta.exptime === undefined ? item.exptime : expiryOf(meta.exptime, moment);
  const sent = (item.state & WON) !== 0;
  const stale = (item.state & STALE) !== 0;
  const won = !sent && (stale || isDueToRecache(meta, item, exptime, moment));
  // Nearly all ask for the value alone, and those who tell nothing else need no facts.
  const facts = meta.returns === "" ? undefined : factsOf(item, moment, exptime);
  const marks = sent ? (stale ? "Z X" : "Z") : stale ? "X W" : won ? "W" : "";
  const reply: MetaReply = {
    kind: "meta",
    code: "HD",
    facts,
    marks,
    value: meta.value ? item.value : undefined,
  };
  const state = won ? item.state | WON : item.state;
  const change = retouched(item, { exptime, cas: item.cas, state }, moment);
  if (change) return meta.silent ? { reply, change } : { reply, change, fetch: true };
  return meta.silent ? { reply } : { reply, fetch: true };
}

/** `R`: less time to live than it names. A `T` that stands before it has taken effect. */
function isDueToRecache({ recache, returns }: Meta, item: Item, exptime: number, moment: Moment): boolean {
  if (recache === undefined) return false;
  const touchedFirst = returns.includes("T") && returns.indexOf("T") < returns.indexOf("R");
  const seen = touchedFirst ? exptime : item.exptime;
  const due = expiryOf(recache, moment);
  return seen !== NEVER && due !== NEVER && ttlOf(seen, moment) < ttlOf(due, moment);
}

export function metaStore(
  command: MetaStore,
  item: Item | undefined,
  stored: Item | undefined,
  moment: Moment,
): Decision {
  const { meta, mode } = command;
  const store = () => storeNew(command, meta.exptime ?? 0, stored, moment);
  if (mode === "append" || mode === "prepend") {
    if (item) return metaJoin(command, item, moment);
    return meta.vivify === undefined ? NOT_STORED : storeNew(command, meta.vivify, stored, moment);
  }
  if (mode === "add") return item ? NOT_STORED : store();
  if (meta.compare === undefined) return mode === "replace" && !item ? NOT_STORED : store();
  if (!item) return NOT_FOUND;
  if (meta.compare === item.cas) return store();
  const older = meta.compare !== 0 && meta.compare < item.cas;
  return meta.invalidate && older ? storeStale(command, item, moment) : EXISTS;
}

function storeNew(command: MetaStore, exptime: number, stored: Item | undefined, moment: Moment): Decision {
  const { meta, value } = command;
  const put = created(meta, value, meta.flags, exptime, 0, moment);
  return { reply: done(put, moment), ...kept(put, stored, moment) };
}

/** `I` with an old `C`: a value that may be out of date already. The time to live stays, and so does a told winner. */
function storeStale({ meta, value }: MetaStore, item: Item, moment: Moment): Decision {
  const put = created(meta, value, meta.flags, 0, STALE | (item.state & WON), moment);
  const change = { ...put, exptime: item.exptime };
  return { reply: done(change, moment), change };
}

function metaJoin({ key, meta, mode, value }: MetaStore, item: Item, moment: Moment): Decision {
  if (meta.compare && meta.compare !== item.cas) return EXISTS;
  const all = joined(mode === "append" ? [item.value, value] : [value, item.value], key, item.flags, moment);
  if (!all) return NOT_STORED;
  const change = { ...created(meta, all, item.flags, 0, 0, moment), exptime: item.exptime };
  return { reply: done(change, moment), change };
}

export function metaDelete({ meta }: MetaDelete, item: Item | undefined, moment: Moment): Decision {
  if (!item) return NOT_FOUND;
  if (meta.compare !== undefined && meta.compare !== item.cas) return EXISTS;
  const reply: MetaReply = { kind: "meta", code: "HD" };
  if (!meta.invalidate && !meta.emptied) return { reply, change: REMOVED };
  const cas = meta.cas ?? moment.nextCas;
  const stale = meta.invalidate ? (item.state | STALE) & ~WON : 0;
  if (meta.emptied) {
    const put = created(meta, NO_VALUE, meta.flags, meta.exptime ?? 0, stale & STALE, moment);
    return { reply, ...kept(put, item, moment) };
  }
  const exptime = meta.exptime === undefined ? item.exptime : expiryOf(meta.exptime, moment);
  const change = retouched(item, { exptime, cas, state: stale }, moment);
  return { reply, ...(change && { change }) };
}

export function metaCount(
  { meta, mode }: MetaCount,
  item: Item | undefined,
  stored: Item | undefined,
  moment: Moment,
): Decision {
  if (!item) {
    if (meta.vivify === undefined) return NOT_FOUND;
    const initial = Buffer.from(meta.initial.toString());
    const put = created(meta, initial, 0, madeExptime(meta, meta.vivify), 0, moment);
    return {
      reply: { ...counted(meta, initial, madeFacts(meta, put, moment)), loud: true },
      ...kept(put, stored, moment),
    };
  }
  // What is empty is told before the uniques are compared, other values that are no number after it.
  if (item.size === 0) return { reply: "not-numeric" };
  if (meta.compare && meta.compare !== item.cas) return EXISTS;
  const sum = addTo(item.value, mode, meta.delta);
  if (!sum) return { reply: "not-numeric" };
  const exptime = meta.exptime === undefined ? item.exptime : expiryOf(meta.exptime, moment);
  const { flags, state } = item;
  const put: Put = { kind: "put", flags, exptime, cas: meta.cas ?? moment.nextCas, state, value: sum.value };
  const facts = factsOf({ ...asItem(put, moment), exptime: item.exptime }, moment, exptime);
  const reply = counted(meta, Buffer.from(sum.digits), facts);
  return { reply, ...kept(put, item, moment) };
}

function counted(meta: Meta, digits: Uint8Array, facts: MetaFacts): MetaReply {
  return { kind: "meta", code: "HD", facts, ...(meta.value && { value: digits }) };
}

export function metaDebug({ key }: MetaDebug, item: Item | undefined, moment: Moment): Decision {
  if (!item) return MISSED;
  const size = itemSize(key.length, item.size, item.flags);
  return { reply: { kind: "meta", code: "ME", facts: factsOf(item, moment), itemSize: size } };
}

function answer(code: MetaReply["code"]): Decision {
  return { reply: { kind: "meta", code } };
}

function created(
  meta: Meta,
  value: Put["value"],
  flags: number,
  exptime: number,
  state: number,
  moment: Moment,
): Put {
  const cas = meta.cas ?? moment.nextCas;
  const marked = meta.binaryKey ? state | BINARY_KEY : state;
  return { kind: "put", flags, exptime: expiryOf(exptime, moment), cas, state: marked, value };
}

/** What is to be done for a put, which may be expired already. */
function kept(put: Put, stored: Item | undefined, moment: Moment): Pick<Decision, "change"> {
  if (!isPast(put.exptime, moment)) return { change: put };
  return stored ? { change: REMOVED } : {};
}

function retouched(item: Item, head: Omit<Retouch, "kind">, moment: Moment): Change | undefined {
  if (isPast(head.exptime, moment)) return REMOVED;
  const same = head.exptime === item.exptime && head.cas === item.cas && head.state === item.state;
  return same ? undefined : { kind: "touch", ...head };
}

/** Of an item that `N` makes: `T` and `N` are carried out as they stand, the last one counts. */
function madeExptime({ exptime, returns }: Meta, vivify: number): number {
  return exptime === undefined || returns.indexOf("T") < returns.indexOf("N") ? vivify : exptime;
}

/** It is made without an exptime; `T` and `N` set it. */
function madeFacts({ exptime = 0, vivify = 0 }: Meta, put: Put, moment: Moment): MetaFacts {
  const facts = factsOf({ ...asItem(put, moment), exptime: NEVER }, moment);
  return {
    ...facts,
    touchedTtl: ttlOf(expiryOf(exptime, moment), moment),
    madeTtl: ttlOf(expiryOf(vivify, moment), moment),
  };
}

function done(put: Put, moment: Moment): MetaReply {
  return { kind: "meta", code: "HD", facts: factsOf(asItem(put, moment), moment) };
}

/** What is past already is not stored, so the unique it would have had is not given out: another item will have it. */
function asItem({ flags, exptime, cas, state, value }: Put, moment: Moment): ItemHead {
  const told = isPast(exptime, moment) ? 0 : cas;
  return { flags, exptime, cas: told, state, size: value.length, accessed: moment.now, fetched: false };
}

/** `exptime`: what it has become, if that is about to change. */
function factsOf(head: ItemHead, moment: Moment, exptime = head.exptime): MetaFacts {
  const { flags, cas, size, state, accessed, fetched } = head;
  const ttl = ttlOf(head.exptime, moment);
  const touchedTtl = exptime === head.exptime ? ttl : ttlOf(exptime, moment);
  const idle = accessed === 0 ? 0 : Math.max(0, Math.floor((moment.now - accessed) / 1_000));
  return { flags, cas, size, ttl, touchedTtl, idle, hit: fetched, binaryKey: (state & BINARY_KEY) !== 0 };
}

/** In seconds, rounded up; of what has expired 0. */
function ttlOf(exptime: number, { now }: Moment): number {
  return exptime === NEVER ? -1 : Math.max(0, Math.ceil((exptime - now) / 1_000));
}
