// All the keys of a server, as `lru_crawler metadump` names them.

import { Fault } from "../../wire/faults.ts";
import { metadumpLine } from "../../wire/memcached/client-requests.ts";
import { replyFault } from "./errors.ts";
import type { Server } from "./server.ts";

export interface DumpedKey {
  readonly key: string;
  /** Seconds since 1970 by the server's clock; undefined where it does not say. */
  readonly lastAccess: number | undefined;
}

/** Calls `onKey` for every key, ours or not; not a snapshot. Throws a Fault `invalid` where the server cannot, `busy` while another one runs. */
export async function dumpKeys(
  server: Server,
  signal: AbortSignal | undefined,
  onKey: (key: DumpedKey) => void,
): Promise<void> {
  // A listing may take seconds, and memcached answers nothing else on its connection meanwhile.
  const connection = await server.dedicated();
  const stop = () => connection.close();
  signal?.addEventListener("abort", stop, { once: true });
  const onLine = (line: string) => {
    const key = readKey(line);
    if (key) onKey(key);
  };
  try {
    const dump = (walk: "hash" | "all") =>
      connection.exchange({ parts: [metadumpLine(walk)], kind: "lines", rows: "key=", onLine });
    let { line } = await dump("hash");
    // Older servers take `hash` for the number of a size class.
    if (/^(ERROR|CLIENT_ERROR|BADCLASS)\b/.test(line)) ({ line } = await dump("all"));
    if (!/^(END|NOTSTARTED)\b/.test(line)) throw refusal(line, server.name);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    connection.close();
  }
}

/** `key=a%20b exp=-1 la=1700000000 cas=2 …` */
function readKey(line: string): DumpedKey | undefined {
  const encoded = /^key=(\S+)/.exec(line)?.[1];
  if (encoded === undefined) return undefined;
  const lastAccess = / la=(\d{1,15})\b/.exec(line)?.[1];
  return {
    key: encoded.includes("%") ? decoded(encoded) : encoded,
    lastAccess: lastAccess === undefined ? undefined : Number(lastAccess),
  };
}

function refusal(line: string, server: string): Fault {
  if (line.startsWith("BUSY")) {
    return new Fault("busy", `memcached at ${server} is busy with another listing: ${line}`, {
      hint: "Only one runs at a time; try again in a moment.",
    });
  }
  if (/^(ERROR|CLIENT_ERROR|BADCLASS)\b/.test(line)) {
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
