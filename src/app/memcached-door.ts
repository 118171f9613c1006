// The memcached door as the settings ask for it, with its users and its certificate, which SIGHUP reads again.

import { readFileSync } from "node:fs";
import { Credentials } from "../domain/kv/credentials.ts";
import { type MemcachedDoor, openMemcachedDoor, type Renewal } from "../doors/memcached/door.ts";
import type { Clock } from "../ports/clock.ts";
import type { Kv } from "../ports/kv.ts";
import type { Log } from "../ports/log.ts";
import { Fault, toFault } from "../wire/faults.ts";
import type { Settings } from "./settings.ts";

export interface MemcachedOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
}

/** undefined: neither a port nor a socket is asked for. Faults of the door, and of the files named in the settings. */
export function openMemcached(options: MemcachedOptions): MemcachedDoor | undefined {
  const { settings, ...rest } = options;
  const { host: hostname, memcachedPort, memcachedSocket, maxItem, maxConnections, idleTimeout } = settings;
  if (memcachedPort === "off" && memcachedSocket === undefined) return undefined;
  const door = openMemcachedDoor({
    ...rest,
    ...{ hostname, maxItem, maxConnections, idleTimeout },
    port: memcachedPort === "off" ? undefined : memcachedPort,
    socketPath: memcachedSocket,
    ...readAccess(settings),
  });
  if (settings.authFile === undefined && settings.tlsCert === undefined) return door;
  return renewedBySignal(door, options);
}

function readAccess({ authFile, tlsCert, tlsKey }: Settings): Renewal {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new Fault("invalid", "--tls-cert and --tls-key belong together, and one of them is missing");
  }
  const credentials = authFile && Credentials.parse(read(authFile, "auth-file"), authFile);
  const tls = tlsCert && tlsKey && { cert: read(tlsCert, "tls-cert"), key: read(tlsKey, "tls-key") };
  return { credentials: credentials || undefined, tls: tls || undefined };
}

function read(path: string, flag: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Fault("invalid", `--${flag}: ${path} cannot be read`, { cause });
  }
}

function renewedBySignal(door: MemcachedDoor, { settings, log }: MemcachedOptions): MemcachedDoor {
  const renew = () => {
    try {
      door.renew(readAccess(settings));
      log.info("memcached.access-renewed");
    } catch (error) {
      const { message, hint } = toFault(error);
      log.error("memcached.access-not-renewed", { error: message, hint });
    }
  };
  process.on("SIGHUP", renew);
  return {
    hostname: door.hostname,
    port: door.port,
    figures: door.figures,
    renew: (renewal) => door.renew(renewal),
    stop() {
      process.off("SIGHUP", renew);
      return door.stop();
    },
  };
}
