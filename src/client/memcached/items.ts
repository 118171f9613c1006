// Single items on the servers: read, put, delete, and ask which are missing; pipelined where there are many.

import type { ValueReply } from "../../wire/memcached/client-replies.ts";
import {
  deleteLine,
  getLine,
  metaDeleteLine,
  metaExistsLine,
  type StorageRequest,
  storageLine,
  touchLine,
} from "../../wire/memcached/client-requests.ts";
import { replyFault, ServerUnreachable } from "./errors.ts";
import type { Keys } from "./keys.ts";
import type { Outage } from "./outage.ts";
import type { Room } from "./room.ts";
import type { Server } from "./server.ts";
import type { Servers } from "./servers.ts";
import { Window } from "./window.ts";

/** `NOT_STORED` (add: it is there), `EXISTS` (cas: it changed), `NOT_FOUND` (cas: it is gone). */
export type PutReply = "STORED" | "NOT_STORED" | "EXISTS" | "NOT_FOUND";

/** Requests of a few bytes each that go out in one write, and how many such writes are under way at once to each server. */
const SHARE_KEYS = 128;
const SHARES_EACH = 4;
/** Stands for the key in a request line; no key has a space. */
const KEY_PLACE = " key ";

/** The item with its cas token, or undefined. */
export async function readItem(servers: Servers, key: string): Promise<ValueReply | undefined> {
  const server = servers.of(key);
  const { line, values } = await server.exchange(
    { parts: [getLine("gets", [key])], kind: "values", keys: [key] },
    server.laneOf(key),
  );
  if (line !== "END") throw replyFault(line, server.name);
  return values[0];
}

export interface ReadManyOptions {
  readonly room?: Room | undefined;
  /** Told of servers that do not answer: their items are then not there. Without it they are a fault. */
  readonly outage?: Outage | undefined;
}

/** The items that are there, by key: one request over each connection. All are in memory at once. */
export async function readItems(
  servers: Servers,
  keys: readonly string[],
  { room, outage }: ReadManyOptions = {},
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const read = async ({ server, lane, keys: group }: Share) => {
    const { line, values } = await server.exchange(
      { parts: [getLine("get", group)], kind: "values", keys: group, room },
      lane,
    );
    if (line !== "END") throw replyFault(line, server.name);
    for (const { key, data } of values) found.set(key, data);
  };
  const tolerant = (share: Share) =>
    read(share).catch((error: unknown) => {
      if (!outage) throw error;
      outage.note(error);
    });
  await allOf([...shares(servers, keys, Number.POSITIVE_INFINITY)].map(tolerant));
  return found;
}

export async function putItem(
  servers: Servers,
  request: Omit<StorageRequest, "bytes">,
  data: Uint8Array,
): Promise<PutReply> {
  const server = servers.of(request.key);
  const head = storageLine({ ...request, bytes: data.length });
  const { line } = await server.exchange(
    { parts: [head, data, "\r\n"], kind: "line" },
    server.laneOf(request.key),
  );
  if (line === "STORED" || line === "NOT_STORED" || line === "EXISTS" || line === "NOT_FOUND") return line;
  throw replyFault(line, server.name);
}

/** A whole `set` request as it goes over the wire (see frame.ts). */
export async function putFramed(servers: Servers, key: string, request: Uint8Array): Promise<void> {
  const server = servers.of(key);
  const { line } = await server.exchange({ parts: [request], kind: "line" }, server.laneOf(key));
  if (line !== "STORED") throw replyFault(line, server.name);
}

/** Absent ones are no error. A server that does not answer keeps no other from being cleaned, and is thrown at the end. */
export async function deleteItems(servers: Servers, keys: Keys): Promise<void> {
  let outage: ServerUnreachable | undefined;
  await inShares(servers, keys, async (share) => {
    try {
      await askEach(share, deleteLine, (line) => {
        if (line !== "DELETED" && line !== "NOT_FOUND") throw replyFault(line, share.server.name);
      });
    } catch (error) {
      if (!(error instanceof ServerUnreachable)) throw error;
      outage ??= error;
    }
  });
  if (outage) throw outage;
}

/**
 * Deletes that version of the item only; false when it is another one by now (or gone). Where the server has no
 * meta commands it is deleted whatever its version.
 */
export async function deleteVersion(servers: Servers, key: string, cas: string): Promise<boolean> {
  const server = servers.of(key);
  const { meta } = await server.features();
  const text = meta ? metaDeleteLine(key, cas) : deleteLine(key);
  const { line } = await server.exchange({ parts: [text], kind: "line" }, server.laneOf(key));
  if (line === "HD" || line === "DELETED") return true;
  if (line === "EX" || line === "NF" || line === "NOT_FOUND") return false;
  throw replyFault(line, server.name);
}

export interface MissingOptions {
  /** A server without meta commands is asked by `touch` with this exptime, or, if none is given, by reading the values one by one. */
  readonly exptime?: number;
  /** As with ReadManyOptions. */
  readonly outage?: Outage;
}

/** The indexes of the keys that are not there, in order; values are not read where the server can tell without. */
export async function missingItems(
  servers: Servers,
  keys: Keys,
  { exptime, outage }: MissingOptions = {},
): Promise<number[]> {
  const missing: number[] = [];
  const look = async (share: Share) => {
    const { server, places } = share;
    const { meta } = await server.features();
    const note = (there: boolean, at: number) => {
      if (!there) missing.push(places[at] ?? 0);
    };
    if (!meta && exptime === undefined) return readEach(share, note);
    const request = meta ? metaExistsLine : (key: string) => touchLine(key, exptime ?? 0);
    await askEach(share, request, (line, at) => note(isThere(line, server), at));
  };
  await inShares(servers, keys, (share) =>
    look(share).catch((error: unknown) => {
      if (!outage) throw error;
      outage.note(error);
      const known = new Set(missing);
      for (const place of share.places) if (!known.has(place)) missing.push(place);
    }),
  );
  return missing.sort((a, b) => a - b);
}

/** A request line for every key in one write: a write and a promise for each would leave as much garbage as all else. */
async function askEach(
  { server, lane, keys }: Share,
  request: (key: string) => string,
  judge: (line: string, at: number) => void,
): Promise<void> {
  const lines: string[] = [];
  const onLine = (text: string) => lines.push(text);
  // Joined by what stands between two keys: a line made for each would be garbage at once.
  const [before = "", after = ""] = request(KEY_PLACE).split(KEY_PLACE);
  const text = before + keys.join(after + before) + after;
  const { line } = await server.exchange({ parts: [text], kind: "line", replies: keys.length, onLine }, lane);
  lines.push(line);
  lines.forEach(judge);
}

async function readEach(
  { server, lane, keys }: Share,
  note: (there: boolean, at: number) => void,
): Promise<void> {
  for (const [at, key] of keys.entries()) {
    const { line, values } = await server.exchange(
      { parts: [getLine("get", [key])], kind: "values", keys: [key] },
      lane,
    );
    if (line !== "END") throw replyFault(line, server.name);
    note(values.length > 0, at);
  }
}

function isThere(line: string, server: Server): boolean {
  if (line === "HD" || line === "TOUCHED") return true;
  if (line === "EN" || line === "NOT_FOUND") return false;
  throw replyFault(line, server.name);
}

/** Waits for all of them, also when one fails; then the first failure is thrown. */
async function allOf(promises: readonly Promise<unknown>[]): Promise<void> {
  const ended = await Promise.allSettled(promises);
  for (const result of ended) if (result.status === "rejected") throw result.reason;
}

/** Keys that one connection to their server is asked about at once. */
interface Share {
  readonly server: Server;
  readonly lane: number;
  readonly keys: string[];
  /** Of each key among all that were asked for. */
  readonly places: number[];
}

/** Cuts the keys into shares as it goes, and has some of them under way; all have ended when it returns or throws. */
async function inShares(servers: Servers, keys: Keys, ask: (share: Share) => Promise<void>): Promise<void> {
  const window = new Window(SHARES_EACH * servers.all.length);
  try {
    for (const share of shares(servers, keys, SHARE_KEYS)) await window.add(() => ask(share));
    await window.drain();
  } catch (error) {
    await window.settle();
    throw error;
  }
}

/** Of at most so many keys each. */
function* shares(servers: Servers, keys: Keys, most: number): Generator<Share, void, undefined> {
  const open = new Map<Server, Share[]>();
  for (let place = 0; place < keys.length; place++) {
    const key = keys.at(place) ?? "";
    const server = servers.of(key);
    const lane = server.laneOf(key);
    const lanes = open.get(server) ?? [];
    open.set(server, lanes);
    const share = lanes[lane] ?? { server, lane, keys: [], places: [] };
    lanes[lane] = share;
    share.keys.push(key);
    share.places.push(place);
    if (share.keys.length < most) continue;
    delete lanes[lane];
    yield share;
  }
  for (const lanes of open.values()) for (const share of lanes) if (share) yield share;
}
