// The memcached door as the settings ask for it, with the users and the certificate of the moment.

import { type MemcachedDoor, openMemcachedDoor } from "../doors/memcached/door.ts";
import { refuseServedSocket } from "../doors/memcached/listener.ts";
import type { Clock } from "../ports/clock.ts";
import type { Kv } from "../ports/kv.ts";
import type { Log } from "../ports/log.ts";
import type { Access } from "./access.ts";
import type { Settings } from "./settings.ts";

export interface MemcachedOptions {
  readonly settings: Settings;
  readonly access: Access;
  readonly version: string;
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
}

/** undefined: neither a port nor a socket is asked for. Faults of the door. */
export async function openMemcached(options: MemcachedOptions): Promise<MemcachedDoor | undefined> {
  const { settings, access, ...rest } = options;
  const { host: hostname, memcachedPort, memcachedSocket, maxItem, maxConnections, idleTimeout } = settings;
  if (memcachedPort === "off" && memcachedSocket === undefined) return undefined;
  if (memcachedSocket !== undefined) await refuseServedSocket(memcachedSocket);
  const door = openMemcachedDoor({
    ...rest,
    ...{ hostname, maxItem, maxConnections, idleTimeout },
    port: memcachedPort === "off" ? undefined : memcachedPort,
    socketPath: memcachedSocket,
    ...access.current,
  });
  access.follow((renewal) => door.renew(renewal));
  return door;
}
