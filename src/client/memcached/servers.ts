// The pool of memcached servers behind one set of large files, and which of them holds a key.

import { Fault } from "../../wire/faults.ts";
import type { Address, Timeouts } from "./connection.ts";
import { DISTRIBUTIONS, type Distribution, ketama } from "./ketama.ts";
import { type Features, Server } from "./server.ts";

export interface Pool {
  readonly timeouts: Timeouts;
  readonly distribution: Distribution;
  /** To each server. */
  readonly connections: number;
}

const DEFAULT_PORT = 11_211;

/** All the servers of `openLargeFiles`, in the order in which they were named. */
export class Servers {
  readonly all: readonly Server[];
  readonly #indexOf: (key: string) => number;

  /** Throws a Fault `invalid` for an address that is none, or that is there twice. */
  constructor(texts: readonly string[], { timeouts, distribution, connections }: Pool) {
    const addresses = texts.map(parseAddress);
    if (addresses.length === 0) {
      throw new Fault("invalid", "no memcached server was named", { hint: "Name one: host:port" });
    }
    if (!DISTRIBUTIONS.includes(distribution)) {
      throw new Fault("invalid", `distribution must be ${DISTRIBUTIONS.join(" or ")}, not ${distribution}`);
    }
    this.all = addresses.map((address) => new Server(address, timeouts, connections));
    const names = this.all.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new Fault("invalid", `the server ${twice} was named twice`);
    this.#indexOf = ketama(addresses, distribution);
  }

  /** The server that holds the key. */
  of(key: string): Server {
    return this.at(this.#indexOf(key));
  }

  /** The place of that server in `all`. */
  indexOf(key: string): number {
    return this.#indexOf(key);
  }

  at(index: number): Server {
    const server = this.all[index];
    if (!server) throw new Fault("internal", `there is no server ${index}`);
    return server;
  }

  /** What all of them can do. Throws ServerUnreachable if one of them is. */
  async features(): Promise<Features> {
    const each = await Promise.all(this.all.map((server) => server.features()));
    const memories = each.flatMap(({ memory }) => memory ?? []);
    return {
      meta: each.every(({ meta }) => meta),
      itemSizeMax: Math.min(...each.map(({ itemSizeMax }) => itemSizeMax)),
      memory: memories.length === each.length ? memories.reduce((sum, memory) => sum + memory, 0) : undefined,
    };
  }

  close(): void {
    for (const server of this.all) server.close();
  }
}

/** `host`, `host:port`, `[::1]:11211` or `::1`; the port is 11211 unless given. */
export function parseAddress(text: string): Address {
  const match =
    /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ??
    /^([^:\s/]+)(?::(\d{1,5}))?$/.exec(text) ??
    /^([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*)$/i.exec(text);
  const [, host, port] = match ?? [];
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (host === undefined || number < 1 || number > 65_535) {
    throw new Fault("invalid", `${JSON.stringify(text)} is not the address of a server`, {
      hint: "An address is host:port, such as 127.0.0.1:11211 or [::1]:11211.",
    });
  }
  return { host, port: number };
}
