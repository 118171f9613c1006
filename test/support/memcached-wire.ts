// Raw bytes to a memcached server and back, and our own server in this process, for tests of the protocol.

import { connect } from "node:net";
import { MemoryKv } from "../../src/adapters/memory/kv.ts";
import { DEFAULT_MAX_ITEM } from "../../src/domain/kv/limits.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import {
  type MemcachedDoor,
  type MemcachedDoorOptions,
  openMemcachedDoor,
} from "../../src/doors/memcached/door.ts";
import type { Kv } from "../../src/ports/kv.ts";
import type { Log } from "../../src/ports/log.ts";
import { ManualClock } from "./manual-clock.ts";

const silent = () => undefined;
export const SILENT: Log = { debug: silent, info: silent, warn: silent, error: silent };

export interface Served extends AsyncDisposable {
  readonly port: number;
  readonly door: MemcachedDoor;
  readonly kv: Kv;
}

export interface ServedOptions
  extends Partial<
    Pick<
      MemcachedDoorOptions,
      | "kv"
      | "clock"
      | "maxItem"
      | "spoolFrom"
      | "log"
      | "maxConnections"
      | "idleTimeout"
      | "socketPath"
      | "credentials"
      | "tls"
      | "port"
    >
  > {
  readonly expire?: boolean;
}

/** Serves `kv` (default: an empty memory store) on a free port; disposing it stops the door and closes the store. */
export function serveKv(options: ServedOptions = {}): Served {
  const { clock = new ManualClock(), maxItem = DEFAULT_MAX_ITEM, expire = false, ...rest } = options;
  const kv =
    options.kv ??
    new MemoryKv({
      rules: createRules({
        maxItem,
        expire,
        ...(rest.spoolFrom !== undefined && { spoolFrom: rest.spoolFrom }),
      }),
      clock,
    });
  const door = openMemcachedDoor({
    hostname: "127.0.0.1",
    port: 0,
    log: SILENT,
    version: "0.0.0",
    ...rest,
    ...{ kv, clock, maxItem },
  });
  return {
    port: door.port,
    door,
    kv,
    async [Symbol.asyncDispose]() {
      await door.stop();
      await kv[Symbol.asyncDispose]();
    },
  };
}

export interface Exchange {
  /** Latin-1. */
  readonly text: string;
  readonly closed: boolean;
}

/** Sends pieces as packets of their own, reads until the answer ends with `until`, or the server closes. */
export function exchange(
  port: number,
  pieces: string | readonly string[],
  until?: string,
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const received: string[] = [];
    let tail = "";
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: received.join(""), closed });
    };
    // Not a sleep: how long a server that says no more may keep the test waiting before what it said is compared.
    const timer = setTimeout(() => finish(false), 3_000);
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => {
      timer.refresh();
      received.push(piece);
      tail = (tail + piece).slice(-100);
      if (until !== undefined && tail.endsWith(until)) finish(false);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET" || error.code === "EPIPE") finish(true);
      else reject(error);
    });
    socket.on("close", () => finish(true));
    socket.on("connect", async () => {
      for (const piece of typeof pieces === "string" ? [pieces] : pieces) {
        socket.write(piece, "latin1");
        await new Promise((next) => setImmediate(next));
      }
    });
  });
}
