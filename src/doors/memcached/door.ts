// The memcached door: listens, gives each connection a session, and stops without losing what was acknowledged.

import { largestValue } from "../../domain/kv/limits.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Kv } from "../../ports/kv.ts";
import type { Log } from "../../ports/log.ts";
import { Fault } from "../../wire/faults.ts";
import { ReplyBuffer } from "../../wire/memcached/encoder.ts";
import type { DoorContext } from "./context.ts";
import { Figures } from "./figures.ts";
import { Session } from "./session.ts";

export interface MemcachedDoorOptions {
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  readonly kv: Kv;
  readonly log: Log;
  readonly clock: Clock;
  /** Cairn's own version, e.g. `0.1.0`. */
  readonly version: string;
  /** Bytes an item may take, as given to `createRules` (see domain/kv/limits.ts). */
  readonly maxItem: number;
  /** How long `stop` waits for clients to take their replies; ms, default 5,000. */
  readonly graceMs?: number;
}

export interface MemcachedDoor {
  readonly hostname: string;
  /** The port that was bound. */
  readonly port: number;
  /** For the metrics. */
  readonly figures: Figures;
  /**
   * Takes no more connections and reads no more; answers what was received, and closes each connection.
   * Resolves when all are closed: clients that do not take their replies in time are cut off. Then the store may be closed.
   */
  stop(): Promise<void>;
}

/** The connections that are open. */
class Sessions {
  readonly open = new Set<Session>();
  #onEmpty: (() => void) | undefined;

  remove(session: Session): void {
    this.open.delete(session);
    if (this.open.size === 0) this.#onEmpty?.();
  }

  allClosed(): Promise<void> {
    if (this.open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }
}

/** Old tools look for 1.6 or later in this; we behave as memcached 1.6.18 does. */
const SPOKEN = "1.6.18";

/** Faults: `conflict` if the port is taken, `forbidden` if it may not be used. */
export function openMemcachedDoor(options: MemcachedDoorOptions): MemcachedDoor {
  const { clock, graceMs = 5_000 } = options;
  const sessions = new Sessions();
  const figures = new Figures();
  const startedAt = clock.now();
  const version = `${SPOKEN}-cairn-${options.version}`;
  const context: DoorContext = {
    kv: options.kv,
    log: options.log,
    limits: { maxValue: (keyLength, flags) => largestValue(options.maxItem, keyLength, flags) },
    figures,
    version,
    out: new ReplyBuffer(),
    statsSource: () => ({
      figures,
      version,
      startedAt,
      now: clock.now(),
      hostname: options.hostname,
      port: listener.port,
      maxItem: options.maxItem,
    }),
  };
  const listener = listen(options, context, sessions);
  let stopped: Promise<void> | undefined;
  return {
    hostname: options.hostname,
    port: listener.port,
    figures,
    stop: () => {
      stopped ??= stop(listener, sessions, clock, graceMs);
      return stopped;
    },
  };
}

function listen(options: MemcachedDoorOptions, context: DoorContext, sessions: Sessions) {
  const { hostname, port, log } = options;
  const { figures } = context;
  try {
    return Bun.listen<Session>({
      hostname,
      port,
      // A client may send a pipeline, close its side, and read the answers: `printf … | nc`.
      allowHalfOpen: true,
      socket: {
        open(socket) {
          figures.currConnections++;
          figures.totalConnections++;
          socket.data = new Session(socket, context);
          sessions.open.add(socket.data);
        },
        data: (socket, chunk) => socket.data.receive(chunk),
        drain: (socket) => socket.data.drain(),
        end: (socket) => socket.data.finish(),
        close(socket) {
          figures.currConnections--;
          sessions.remove(socket.data);
          socket.data.closed();
        },
        // A reset; `close` follows.
        error: (_socket, error) => log.debug("memcached.connection-failed", { error: error.message }),
      },
    });
  } catch (error) {
    throw explain(error, hostname, port);
  }
}

async function stop(
  listener: { stop(closeActive?: boolean): void },
  sessions: Sessions,
  clock: Clock,
  graceMs: number,
): Promise<void> {
  listener.stop(false);
  for (const session of [...sessions.open]) session.finish();
  const timer = new AbortController();
  const late = clock.sleep(graceMs, timer.signal).then(
    () => {
      for (const session of [...sessions.open]) session.terminate();
    },
    () => undefined,
  );
  await sessions.allClosed();
  timer.abort();
  await late;
}

function explain(error: unknown, hostname: string, port: number): Fault {
  const code = (error as NodeJS.ErrnoException).code;
  const where = `${hostname}:${port}`;
  if (code === "EADDRINUSE") {
    return new Fault("conflict", `the memcached port ${where} is taken`, {
      hint: "Stop the program that listens there, or choose another with --memcached-port (0: any free one).",
      cause: error,
    });
  }
  if (code === "EACCES") {
    return new Fault("forbidden", `this user may not listen on ${where}`, { cause: error });
  }
  return new Fault("internal", `cannot listen on ${where}: ${String(error)}`, { cause: error });
}
