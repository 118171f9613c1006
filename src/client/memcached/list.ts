// Listing the files: the manifests among all the keys that the servers name.

import { Fault } from "../../wire/faults.ts";
import { metadumpLine } from "../../wire/memcached/client-requests.ts";
import { Corrupt, replyFault } from "./errors.ts";
import { readItems } from "./items.ts";
import { decodeManifest, type StoredFile } from "./manifest.ts";
import { isManifestKey } from "./names.ts";
import type { Server } from "./server.ts";
import type { Settings } from "./settings.ts";

/** Manifests are up to one item large each, so only so many are fetched at once. */
const BATCH = 16;

/** In no particular order; a file is listed without looking for its chunks. Damaged manifests are left out. */
export async function* listFiles(
  settings: Settings,
  signal?: AbortSignal,
): AsyncGenerator<StoredFile, void, undefined> {
  const keys: string[] = [];
  for (const server of settings.servers.all) keys.push(...(await manifestKeys(settings, server, signal)));
  for (let start = 0; start < keys.length; start += BATCH) {
    signal?.throwIfAborted();
    const items = await readItems(settings.servers, keys.slice(start, start + BATCH));
    for (const data of items.values()) {
      const file = readable(data);
      if (file) yield file;
    }
  }
}

async function manifestKeys(settings: Settings, server: Server, signal?: AbortSignal): Promise<string[]> {
  // A listing may take seconds, and memcached answers nothing else on its connection meanwhile.
  const connection = await server.dedicated();
  const stop = () => connection.close();
  signal?.addEventListener("abort", stop, { once: true });
  const keys: string[] = [];
  const onLine = (line: string) => {
    const encoded = /^key=(\S+)/.exec(line)?.[1] ?? "";
    const key = encoded.includes("%") ? decoded(encoded) : encoded;
    if (isManifestKey(settings.prefix, key)) keys.push(key);
  };
  try {
    const dump = (walk: "hash" | "all") =>
      connection.exchange({ parts: [metadumpLine(walk)], kind: "lines", onLine });
    let { line } = await dump("hash");
    if (line === "ERROR" || line.startsWith("CLIENT_ERROR")) ({ line } = await dump("all"));
    if (line !== "END") throw refusal(line, server.name);
    return keys;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    connection.close();
  }
}

function refusal(line: string, server: string): Fault {
  if (line.startsWith("BUSY")) {
    return new Fault("busy", `memcached at ${server} is busy with another listing: ${line}`, {
      hint: "Only one runs at a time; try again in a moment.",
    });
  }
  if (line === "ERROR" || line.startsWith("CLIENT_ERROR")) {
    return new Fault("invalid", `memcached at ${server} cannot list its keys: ${line}`, {
      hint: "Listing needs 'lru_crawler metadump' (memcached 1.4.31 or later, without -o no_lru_crawler).",
    });
  }
  return replyFault(line, server);
}

/** Keys of others may be encoded in any way; none of those is ours. */
function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return "";
    throw error;
  }
}

function readable(data: Uint8Array): StoredFile | undefined {
  try {
    return decodeManifest(data, undefined).file;
  } catch (error) {
    if (error instanceof Corrupt) return undefined;
    throw error;
  }
}
