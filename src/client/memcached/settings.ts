// What one set of large files was opened with, resolved and checked.

import { Fault } from "../../wire/faults.ts";
import { Digests } from "./digests.ts";
import type { Distribution } from "./ketama.ts";
import { checkPrefix } from "./names.ts";
import { Servers } from "./servers.ts";

export interface LargeFilesOptions {
  /**
   * `host:port` each; the port is 11211 unless given. A pool is always named in the same words and the same order by
   * all its clients: keys are spread by it.
   */
  readonly servers: readonly string[];
  /** How keys are spread over several servers; default `ketama`, that of libmemcached. */
  readonly distribution?: Distribution;
  /** Bytes per chunk; default 510,000, or less where the server's item limit demands it. */
  readonly chunkSize?: number;
  /** Bytes of the largest file that `store` takes, inclusive; default 52,428,800 (50 MiB). */
  readonly maxSize?: number;
  /** Keys begin with it: `<prefix>:file:…` and `<prefix>:chunk:…`; default `cairn`. At most 100 printable ASCII characters. */
  readonly prefix?: string;
  /** Connections to each server, 1 to 16, over which the chunks of every file go side by side; default 2. */
  readonly connections?: number;
  /** Milliseconds until a connection must stand; default 5,000. */
  readonly connectTimeout?: number;
  /** Milliseconds that a server may be silent while it owes an answer; default 20,000. */
  readonly idleTimeout?: number;
}

export interface Settings {
  readonly servers: Servers;
  readonly digests: Digests;
  /** undefined: as the server's item limit advises. */
  readonly chunkSize: number | undefined;
  readonly maxSize: number;
  readonly prefix: string;
}

/** 50 MB as `dd bs=1048576 count=50` makes them. */
export const MAX_SIZE = 52_428_800;
/** The size that loses no chunk in a default memcached, and is the fastest there (docs/large-files.md). */
export const CHUNK_SIZE = 510_000;
/** What an item needs beside key and value: its header with a cas token (48 + 8), and NUL, CR, LF. Flags, if not 0, need 4 more. */
const ITEM_OVERHEAD = 59;
/** A server has few threads to answer them, and each takes a receive buffer. */
const CONNECTIONS_MAX = 16;
/** With the number of the slot, and what brings its key to a server. */
const CHUNK_KEY_BYTES = ":chunk:".length + 32 + ":".length + 16;

/** Throws a Fault `invalid` that names the option. */
export function readSettings(options: LargeFilesOptions): Settings {
  const { servers, chunkSize, maxSize = MAX_SIZE, prefix = "cairn" } = options;
  const { connectTimeout = 5_000, idleTimeout = 20_000, distribution = "ketama", connections = 2 } = options;
  if (chunkSize !== undefined) checkWhole("chunkSize", chunkSize, 1);
  checkWhole("maxSize", maxSize, 0);
  checkWhole("connectTimeout", connectTimeout, 1);
  checkWhole("idleTimeout", idleTimeout, 1);
  checkWhole("connections", connections, 1, CONNECTIONS_MAX);
  return {
    servers: new Servers(servers, {
      timeouts: { connect: connectTimeout, idle: idleTimeout },
      distribution,
      connections,
    }),
    digests: new Digests(),
    chunkSize,
    maxSize,
    prefix: checkPrefix(prefix),
  };
}

/**
 * Bytes per chunk on a server whose items may have `itemSizeMax` bytes. Values over half of that are kept by memcached
 * as chains of smaller pieces, which is slower and evicts early; so the default stays below it.
 */
export function chunkSizeFor({ chunkSize, prefix }: Settings, itemSizeMax: number): number {
  const most = valueBytesMax(itemSizeMax, prefix.length + CHUNK_KEY_BYTES);
  if (chunkSize === undefined) return Math.min(most, advisedSize(itemSizeMax));
  if (chunkSize <= most) return chunkSize;
  throw new Fault(
    "invalid",
    `chunks of ${chunkSize} bytes do not fit: the server takes values of ${most} bytes`,
    {
      hint: "Use a smaller --chunk-size, or start the server with a larger item limit (memcached -I).",
    },
  );
}

/** Bytes of each part of a table that does not fit into its manifest. */
export function partBytesMax({ prefix }: Settings, itemSizeMax: number): number {
  return Math.min(valueBytesMax(itemSizeMax, prefix.length + CHUNK_KEY_BYTES), advisedSize(itemSizeMax));
}

function advisedSize(itemSizeMax: number): number {
  return Math.min(CHUNK_SIZE, Math.floor(itemSizeMax * (CHUNK_SIZE / 1_048_576)));
}

/** Bytes of the largest value under a key of that length. */
export function valueBytesMax(itemSizeMax: number, keyBytes: number): number {
  return itemSizeMax - ITEM_OVERHEAD - keyBytes;
}

function checkWhole(option: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new Fault("invalid", `${option} must be a whole number ${range}, not ${value}`);
}
