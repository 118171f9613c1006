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
import { replyFault } from "./errors.ts";
import type { Room } from "./room.ts";
import type { Server, Servers } from "./servers.ts";
import { Window } from "./window.ts";

/** `NOT_STORED` (add: it is there), `EXISTS` (cas: it changed), `NOT_FOUND` (cas: it is gone). */
export type PutReply = "STORED" | "NOT_STORED" | "EXISTS" | "NOT_FOUND";

/** Requests of a few bytes each that are under way at once. */
const PIPELINE = 512;

/** The item with its cas token, or undefined. */
export async function readItem(servers: Servers, key: string): Promise<ValueReply | undefined> {
  const server = servers.of(key);
  const { line, values } = await server.exchange({ parts: [getLine("gets", [key])], kind: "values" });
  if (line !== "END") throw replyFault(line, server.name);
  return values[0];
}

/** The items that are there, by key: one request to each server. All are in memory at once. */
export async function readItems(
  servers: Servers,
  keys: readonly string[],
  room?: Room,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const read = async ([server, group]: [Server, string[]]) => {
    const { line, values } = await server.exchange({ parts: [getLine("get", group)], kind: "values", room });
    if (line !== "END") throw replyFault(line, server.name);
    for (const { key, data } of values) found.set(key, data);
  };
  await Promise.all([...byServer(servers, keys)].map(read));
  return found;
}

export async function putItem(
  servers: Servers,
  request: Omit<StorageRequest, "bytes">,
  data: Uint8Array,
): Promise<PutReply> {
  const server = servers.of(request.key);
  const head = storageLine({ ...request, bytes: data.length });
  const { line } = await server.exchange({ parts: [head, data, "\r\n"], kind: "line" });
  if (line === "STORED" || line === "NOT_STORED" || line === "EXISTS" || line === "NOT_FOUND") return line;
  throw replyFault(line, server.name);
}

/** Absent ones are no error. */
export async function deleteItems(servers: Servers, keys: Iterable<string>): Promise<void> {
  const window = new Window(PIPELINE);
  for (const key of keys) {
    await window.add(async () => {
      const server = servers.of(key);
      const { line } = await server.exchange({ parts: [deleteLine(key)], kind: "line" });
      if (line !== "DELETED" && line !== "NOT_FOUND") throw replyFault(line, server.name);
    });
  }
  await window.drain();
}

/**
 * Deletes that version of the item only; false when it is another one by now (or gone). Where the server has no
 * meta commands it is deleted whatever its version.
 */
export async function deleteVersion(servers: Servers, key: string, cas: string): Promise<boolean> {
  const server = servers.of(key);
  const { meta } = await server.features();
  const text = meta ? metaDeleteLine(key, cas) : deleteLine(key);
  const { line } = await server.exchange({ parts: [text], kind: "line" });
  if (line === "HD" || line === "DELETED") return true;
  if (line === "EX" || line === "NF" || line === "NOT_FOUND") return false;
  throw replyFault(line, server.name);
}

/**
 * The indexes of the keys that are not there, in order, without reading values. A server without meta commands is
 * asked by `touch` with this exptime, or, if none is given, by reading the values one by one.
 */
export async function missingItems(
  servers: Servers,
  keys: readonly string[],
  exptime?: number,
): Promise<number[]> {
  const { meta } = await servers.features();
  const missing: number[] = [];
  const window = new Window(meta || exptime !== undefined ? PIPELINE : 2);
  for (const [index, key] of keys.entries()) {
    await window.add(async () => {
      if (!(await isThere(servers.of(key), key, meta, exptime))) missing.push(index);
    });
  }
  await window.drain();
  return missing.sort((a, b) => a - b);
}

async function isThere(server: Server, key: string, meta: boolean, exptime?: number): Promise<boolean> {
  if (!meta && exptime === undefined) {
    const { line, values } = await server.exchange({ parts: [getLine("get", [key])], kind: "values" });
    if (line !== "END") throw replyFault(line, server.name);
    return values.length > 0;
  }
  const text = meta ? metaExistsLine(key) : touchLine(key, exptime ?? 0);
  const { line } = await server.exchange({ parts: [text], kind: "line" });
  if (line === "HD" || line === "TOUCHED") return true;
  if (line === "EN" || line === "NOT_FOUND") return false;
  throw replyFault(line, server.name);
}

function byServer(servers: Servers, keys: readonly string[]): Map<Server, string[]> {
  const groups = new Map<Server, string[]>();
  for (const key of keys) {
    const server = servers.of(key);
    const group = groups.get(server);
    if (group) group.push(key);
    else groups.set(server, [key]);
  }
  return groups;
}
