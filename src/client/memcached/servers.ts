// The memcached servers behind one set of large files: which of them holds a key, and what each can do.

import { Fault } from "../../wire/faults.ts";
import { metaExistsLine, STATS_SETTINGS } from "../../wire/memcached/client-requests.ts";
import { type Address, Connection, nameOf, type Reply, type Request, type Timeouts } from "./connection.ts";
import { replyFault } from "./errors.ts";

export interface Features {
  /** The server answers the meta commands (memcached ≥ 1.6). */
  readonly meta: boolean;
  /** Bytes of the largest item, with its key and header. */
  readonly itemSizeMax: number;
}

const DEFAULT_ITEM_SIZE_MAX = 1_048_576;
const DEFAULT_PORT = 11_211;

/** One server; connects when it is first needed, and again after a connection was lost. */
export class Server {
  readonly name: string;
  readonly #address: Address;
  readonly #timeouts: Timeouts;
  #connection: Promise<Connection> | undefined;
  #current: Connection | undefined;
  #features: Promise<Features> | undefined;
  /** Ends what is still connecting, so that the process can end. */
  readonly #closing = new AbortController();

  constructor(address: Address, timeouts: Timeouts) {
    this.name = nameOf(address);
    this.#address = address;
    this.#timeouts = timeouts;
  }

  /** Throws ServerUnreachable. Requests are sent in the order of the calls. */
  async exchange(request: Request): Promise<Reply> {
    const connection = this.#current?.usable ? this.#current : await this.#connect();
    return connection.exchange(request);
  }

  /** Asked once. */
  features(): Promise<Features> {
    this.#features ??= this.#ask().catch((error: unknown) => {
      this.#features = undefined;
      throw error;
    });
    return this.#features;
  }

  /** A connection of its own, for a request that would keep the others waiting. The caller closes it. */
  dedicated(): Promise<Connection> {
    return Connection.open(this.#address, this.#timeouts, this.#closing.signal);
  }

  close(): void {
    this.#closing.abort(new Fault("invalid", "these large files were closed; open them again"));
    this.#current?.close();
  }

  async #connect(): Promise<Connection> {
    const { signal } = this.#closing;
    this.#connection ??= Connection.open(this.#address, this.#timeouts, signal).finally(() => {
      this.#connection = undefined;
    });
    this.#current = await this.#connection;
    if (signal.aborted) this.#current.close();
    return this.#current;
  }

  async #ask(): Promise<Features> {
    let itemSizeMax = DEFAULT_ITEM_SIZE_MAX;
    const onLine = (line: string) => {
      const size = /^STAT item_size_max (\d+)$/.exec(line)?.[1];
      if (size !== undefined) itemSizeMax = Number(size);
    };
    // Not every server knows these two; what they do not know they answer with an error line.
    // (`mn` would tell nothing: some know it for the sake of pipelines, and no other meta command.)
    const meta = await this.exchange({ parts: [metaExistsLine("cairn:probe")], kind: "line" });
    const settings = await this.exchange({ parts: [STATS_SETTINGS], kind: "lines", onLine });
    if (/unauthenticated/.test(settings.line)) throw replyFault(settings.line, this.name);
    return { meta: meta.line === "EN" || meta.line === "HD", itemSizeMax };
  }
}

/** All the servers of `openLargeFiles`. */
export class Servers {
  readonly all: readonly Server[];
  readonly #first: Server;

  /** Throws a Fault `invalid` for an address that is none. */
  constructor(addresses: readonly string[], timeouts: Timeouts) {
    const [first, ...others] = addresses.map((text) => new Server(parseAddress(text), timeouts));
    if (!first) throw new Fault("invalid", "no memcached server was named", { hint: "Name one: host:port" });
    if (others.length > 0) {
      throw new Fault("invalid", `${addresses.length} servers were named: ${addresses.join(", ")}`, {
        hint: "This version stores in one server; pools of servers are not supported yet. Name one of them.",
      });
    }
    this.#first = first;
    this.all = [first];
  }

  /** The server that holds the key. */
  of(_key: string): Server {
    return this.#first;
  }

  /** What all of them can do. */
  async features(): Promise<Features> {
    const each = await Promise.all(this.all.map((server) => server.features()));
    return {
      meta: each.every(({ meta }) => meta),
      itemSizeMax: Math.min(...each.map(({ itemSizeMax }) => itemSizeMax)),
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
