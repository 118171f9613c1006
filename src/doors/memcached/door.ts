// The memcached door: listens, gives each connection a session, and stops without losing what was acknowledged.

import type { Credentials } from "../../domain/access/credentials.ts";
import { largestValue, SPOOL_FROM } from "../../domain/kv/limits.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Kv } from "../../ports/kv.ts";
import type { Log } from "../../ports/log.ts";
import { ReplyBuffer } from "../../wire/memcached/encoder.ts";
import { Connections } from "./connections.ts";
import type { DoorContext } from "./context.ts";
import { Failures } from "./failures.ts";
import { Figures } from "./figures.ts";
import { type Listener, listenOnPath, listenOnPort, type Tls } from "./listener.ts";

export interface MemcachedDoorOptions {
  readonly hostname: string;
  /** 0: any free one; undefined: none, only the Unix socket. */
  readonly port: number | undefined;
  /** A Unix socket beside the port, or in its place. */
  readonly socketPath?: string | undefined;
  readonly kv: Kv;
  readonly log: Log;
  readonly clock: Clock;
  /** Cairn's own version, e.g. `0.1.0`. */
  readonly version: string;
  /** Bytes an item may take, as given to `createRules` (see domain/kv/limits.ts). */
  readonly maxItem: number;
  /** Values of more bytes are not taken into memory; default 1 MiB. As given to `createRules`. */
  readonly spoolFrom?: number;
  /** More connections are refused; default 1,024, as memcached's. */
  readonly maxConnections?: number;
  /** Connections on which nothing moves for so long are closed; ms, default 0: never. */
  readonly idleTimeout?: number;
  /** Absent: nobody is asked for a password. */
  readonly credentials?: Credentials | undefined;
  /** For the port; the Unix socket is not encrypted. */
  readonly tls?: Tls | undefined;
  /** How long `stop` waits for clients to take their replies; ms, default 5,000. */
  readonly graceMs?: number;
}

/** What may be replaced while the door is open. */
export interface Renewal {
  readonly credentials: Credentials | undefined;
  readonly tls: Tls | undefined;
}

export interface MemcachedDoor {
  readonly hostname: string;
  /** The port that was bound; 0: only the Unix socket is open. */
  readonly port: number;
  /** For the metrics. */
  readonly figures: Figures;
  /**
   * New connections are met with these; those that are open stay as they are. With a new certificate the port is closed and
   * opened again at once: who connects in that moment is refused. Faults as when it was opened; then the old ones stay.
   */
  renew(renewal: Renewal): void;
  /**
   * Takes no more connections and reads no more; answers what was received, and closes each connection.
   * Resolves when all are closed: clients that do not take their replies in time are cut off. Then the store may be closed.
   */
  stop(): Promise<void>;
}

/** Old tools look for 1.6 or later in this; we behave as memcached 1.6.18 does. */
const SPOKEN = "1.6.18";
const MAX_CONNECTIONS = 1_024;

/** Faults: `conflict` if the port is taken, `forbidden` if it may not be used, `invalid` for a bad certificate. */
export function openMemcachedDoor(options: MemcachedDoorOptions): MemcachedDoor {
  return new Door(options);
}

class Door implements MemcachedDoor {
  readonly hostname: string;
  readonly port: number;
  readonly figures = new Figures();
  readonly #options: MemcachedDoorOptions;
  readonly #connections: Connections;
  readonly #context: DoorContext;
  readonly #stopping = new AbortController();
  #credentials: Credentials | undefined;
  #tls: Tls | undefined;
  #tcp: Listener | undefined;
  #unix: Listener | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: MemcachedDoorOptions) {
    const { hostname, port, socketPath, maxConnections = MAX_CONNECTIONS, idleTimeout = 0 } = options;
    this.#options = options;
    this.hostname = hostname;
    this.#credentials = options.credentials;
    this.#tls = options.tls;
    this.#context = this.#makeContext();
    this.#connections = new Connections(this.#context, maxConnections);
    if (port !== undefined) this.#tcp = this.#listen(port, this.#tls);
    this.port = this.#tcp?.port ?? 0;
    try {
      if (socketPath !== undefined) this.#unix = listenOnPath(socketPath, this.#context, this.#connections);
    } catch (error) {
      this.#tcp?.stop();
      throw error;
    }
    if (idleTimeout > 0) void this.#connections.watchIdle(idleTimeout, this.#stopping.signal);
  }

  renew({ credentials, tls }: Renewal): void {
    this.#credentials = credentials;
    const same = tls?.cert === this.#tls?.cert && tls?.key === this.#tls?.key;
    if (same || !this.#tcp || this.#stopped) return;
    this.#tcp.stop();
    try {
      this.#tcp = this.#listen(this.port, tls);
      this.#tls = tls;
    } catch (error) {
      this.#tcp = this.#listen(this.port, this.#tls);
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  #listen(port: number, tls: Tls | undefined): Listener {
    return listenOnPort({ hostname: this.hostname, port, tls }, this.#context, this.#connections);
  }

  async #stop(): Promise<void> {
    const { clock, graceMs = 5_000 } = this.#options;
    this.#tcp?.stop();
    this.#unix?.stop();
    this.#stopping.abort();
    for (const session of [...this.#connections]) session.finish();
    const timer = new AbortController();
    const late = clock.sleep(graceMs, timer.signal).then(
      () => {
        for (const session of [...this.#connections]) session.terminate();
      },
      () => undefined, // all closed in time
    );
    await this.#connections.allClosed();
    timer.abort();
    await late;
  }

  #makeContext(): DoorContext {
    const {
      kv,
      log,
      clock,
      maxItem,
      spoolFrom = SPOOL_FROM,
      socketPath,
      maxConnections = MAX_CONNECTIONS,
      idleTimeout = 0,
    } = this.#options;
    const startedAt = clock.now();
    const version = `${SPOKEN}-cairn-${this.#options.version}`;
    return {
      ...{ kv, log, clock, version },
      limits: { maxValue: (keyLength, flags) => largestValue(maxItem, keyLength, flags), spoolFrom },
      figures: this.figures,
      failures: new Failures(log, clock),
      out: new ReplyBuffer(),
      credentials: () => this.#credentials,
      statsSource: () => ({
        ...{ version, startedAt, maxItem, maxConnections, idleTimeout, socketPath },
        figures: this.figures,
        now: clock.now(),
        hostname: this.hostname,
        port: this.port,
        asksPassword: this.#credentials !== undefined,
        encrypted: this.#tls !== undefined,
        connections: () => [...this.#connections],
      }),
    };
  }
}
