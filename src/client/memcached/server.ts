// One memcached server and its connections: each is made when it is first needed, again after it was lost, and not at once if that failed.

import { Fault } from "../../wire/faults.ts";
import { metaExistsLine, STATS, STATS_SETTINGS } from "../../wire/memcached/client-requests.ts";
import { type Address, Connection, nameOf, type Reply, type Request, type Timeouts } from "./connection.ts";
import { isErrorLine, isUnauthenticated, replyFault, ServerUnreachable } from "./errors.ts";

export interface Features {
  /** The server answers the meta commands (memcached ≥ 1.6). */
  readonly meta: boolean;
  /** Bytes of the largest item, with its key and header. */
  readonly itemSizeMax: number;
  /** Bytes that all its items may take together; undefined where it does not say. */
  readonly memory: number | undefined;
}

const DEFAULT_ITEM_SIZE_MAX = 1_048_576;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MOST_MS = 5_000;

/** Milliseconds until a server is tried again that could not be connected so many times in a row. */
export function backoff(failures: number): number {
  return Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1));
}

/** A place for one connection. */
interface Lane {
  opening: Promise<Connection> | undefined;
  current: Connection | undefined;
}

export class Server {
  readonly name: string;
  readonly #address: Address;
  readonly #timeouts: Timeouts;
  readonly #lanes: readonly Lane[];
  #features: Promise<Features> | undefined;
  /** Why it could not be connected, how many times in a row, and until when nobody need try (performance.now). */
  #outage:
    | { readonly error: ServerUnreachable; readonly failures: number; readonly until: number }
    | undefined;
  /** Ends what is still connecting, so that the process can end. */
  readonly #closing = new AbortController();

  constructor(address: Address, timeouts: Timeouts, connections: number) {
    this.name = nameOf(address);
    this.#address = address;
    this.#timeouts = timeouts;
    this.#lanes = Array.from({ length: connections }, () => ({ opening: undefined, current: undefined }));
  }

  /**
   * Which of its connections carries requests about that key: always the same one, so that what is sent about one key is done in the
   * order in which it was sent. Chunks that follow one another mostly get different ones.
   */
  laneOf(key: string): number {
    if (this.#lanes.length === 1) return 0;
    let sum = 0;
    for (let i = 0; i < key.length; i++) sum += key.charCodeAt(i);
    return sum % this.#lanes.length;
  }

  /** Throws ServerUnreachable. Requests of one lane are sent in the order of the calls. */
  async exchange(request: Request, lane = 0): Promise<Reply> {
    const place = this.#lanes[lane];
    if (!place) throw new Fault("internal", `${this.name} has no connection ${lane}`);
    const connection = place.current?.usable ? place.current : await this.#connect(place);
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

  /** Seconds since 1970 by its clock; undefined where it does not say. */
  time(): Promise<number | undefined> {
    return this.#statistic(STATS, "time");
  }

  /** A connection of its own, for a request that would keep the others waiting. The caller closes it. */
  dedicated(): Promise<Connection> {
    return Connection.open(this.#address, this.#timeouts, this.#closing.signal);
  }

  close(): void {
    this.#closing.abort(new Fault("invalid", "these large files were closed; open them again"));
    for (const { current } of this.#lanes) current?.close();
  }

  async #connect(lane: Lane): Promise<Connection> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    // A server that is down costs its timeout once, not once for each chunk that it held.
    if (this.#outage && performance.now() < this.#outage.until) throw this.#outage.error;
    lane.opening ??= this.#open(signal).finally(() => {
      lane.opening = undefined;
    });
    lane.current = await lane.opening;
    if (signal.aborted) lane.current.close();
    return lane.current;
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    // Connections that fail side by side are one failure.
    const failures = (this.#outage?.failures ?? 0) + 1;
    try {
      const connection = await Connection.open(this.#address, this.#timeouts, signal);
      this.#outage = undefined;
      return connection;
    } catch (error) {
      if (error instanceof ServerUnreachable) {
        this.#outage = { error, failures, until: performance.now() + backoff(failures) };
      }
      throw error;
    }
  }

  async #ask(): Promise<Features> {
    // Not every server knows these; what they do not know they answer with an error line.
    // (`mn` would tell nothing: some know it for the sake of pipelines, and no other meta command.)
    const [meta, settings, statistics] = await Promise.all([
      this.#knowsMeta(),
      this.#statistic(STATS_SETTINGS, "item_size_max"),
      this.#statistic(STATS, "limit_maxbytes"),
    ]);
    return {
      meta,
      itemSizeMax: settings ?? DEFAULT_ITEM_SIZE_MAX,
      memory: statistics === 0 ? undefined : statistics,
    };
  }

  async #knowsMeta(): Promise<boolean> {
    const { line } = await this.exchange({ parts: [metaExistsLine("cairn:probe")], kind: "line" });
    if (line === "EN" || line === "HD") return true;
    if (isErrorLine(line) && !isUnauthenticated(line)) return false;
    throw replyFault(line, this.name);
  }

  async #statistic(request: string, name: string): Promise<number | undefined> {
    let value: number | undefined;
    const onLine = (line: string) => {
      const [word, key, text] = line.split(" ");
      if (word === "STAT" && key === name && /^\d{1,15}$/.test(text ?? "")) value = Number(text);
    };
    const { line } = await this.exchange({ parts: [request], kind: "lines", rows: "STAT ", onLine });
    if (isUnauthenticated(line)) throw replyFault(line, this.name);
    return value;
  }
}
