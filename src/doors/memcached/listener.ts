// The sockets a memcached door listens on: a TCP port, with TLS or without, and perhaps a Unix socket.

import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { Fault } from "../../wire/faults.ts";
import type { Connections } from "./connections.ts";
import type { DoorContext } from "./context.ts";
import type { Session, SessionSocket } from "./session.ts";

/** PEM texts. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface Listener {
  /** The one that was bound; 0 for a Unix socket. */
  readonly port: number;
  /** Takes no more connections; those that are open stay. */
  stop(): void;
}

/** Faults: `conflict` if the port is taken, `forbidden` if it may not be used, `invalid` for a bad certificate. */
export function listenOnPort(
  where: { readonly hostname: string; readonly port: number; readonly tls: Tls | undefined },
  door: DoorContext,
  connections: Connections,
): Listener {
  const { hostname, port, tls } = where;
  try {
    const name = `tcp:${hostname}:${port}`;
    const listener: { readonly port: number; stop(closeActive?: boolean): void } = Bun.listen<
      Session | undefined
    >({
      hostname,
      port,
      // A client may send a pipeline, close its side, and read the answers: `printf … | nc`. TLS knows no half.
      allowHalfOpen: tls === undefined,
      ...(tls && { tls: { cert: tls.cert, key: tls.key } }),
      socket: handlers(door, connections, () => (port === 0 ? `tcp:${hostname}:${listener.port}` : name)),
    });
    return { port: listener.port, stop: () => listener.stop(false) };
  } catch (error) {
    throw explain(error, `${hostname}:${port}`, tls !== undefined);
  }
}

/** Only this user may connect to it, as in memcached (`-a 0700`). A socket that a crash left there is taken over. */
export function listenOnPath(path: string, door: DoorContext, connections: Connections): Listener {
  removeStale(path);
  try {
    const socket = handlers(door, connections, () => `unix:${path}`);
    const listener = Bun.listen<Session | undefined>({ unix: path, socket });
    chmodSync(path, 0o700);
    return {
      port: 0,
      stop() {
        listener.stop(false);
        removeStale(path);
      },
    };
  } catch (error) {
    throw explain(error, path, false);
  }
}

/** Fault `conflict` when a server answers at the socket: what a crash left there does not. */
export async function refuseServedSocket(path: string): Promise<void> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
    socket.end();
  } catch {
    return; // nobody listens there, or nothing is there
  }
  throw new Fault("conflict", `the memcached socket ${path} is served already`, {
    hint: "Stop the program that listens there, or choose another with --memcached-socket.",
  });
}

function handlers(door: DoorContext, connections: Connections, where: () => string) {
  return {
    open: (socket: SessionSocket) => connections.admit(socket, where()),
    data: (socket: SessionSocket, chunk: Buffer) => socket.data?.receive(chunk),
    drain: (socket: SessionSocket) => socket.data?.drain(),
    end: (socket: SessionSocket) => socket.data?.finish(),
    close: (socket: SessionSocket) => {
      if (socket.data) connections.remove(socket.data);
    },
    // A reset; `close` follows.
    error: (_socket: SessionSocket, error: Error) =>
      door.log.debug("memcached.connection-failed", { error: error.message }),
  };
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new Fault("conflict", `${path} is there, and not a socket`, {
      hint: "Name another path with --memcached-socket.",
    });
  }
  unlinkSync(path);
}

function explain(error: unknown, where: string, tls: boolean): Fault {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EADDRINUSE") {
    return new Fault("conflict", `the memcached port ${where} is taken`, {
      hint: "Stop the program that listens there, or choose another with --memcached-port (0: any free one).",
      cause: error,
    });
  }
  if (code === "EACCES") {
    return new Fault("forbidden", `this user may not listen on ${where}`, { cause: error });
  }
  const hint = tls ? { hint: "Is the certificate in PEM, and the key its own?" } : {};
  return new Fault(tls ? "invalid" : "internal", `cannot listen on ${where}: ${String(error)}`, {
    ...hint,
    cause: error,
  });
}
