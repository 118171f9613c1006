// Opens every door: one table of routes on each HTTP port, and the memcached protocol.

import { hostname } from "node:os";
import { BodyRoom } from "../doors/http/body-room.ts";
import { dashboardRoutes } from "../doors/http/dashboard/routes.ts";
import { findWebFiles } from "../doors/http/dashboard/web-files.ts";
import { dropzoneRoutes } from "../doors/http/dropzone/routes.ts";
import { filesRoutes } from "../doors/http/files/routes.ts";
import { imageRoutes } from "../doors/http/image/routes.ts";
import { jobsRoutes } from "../doors/http/jobs/routes.ts";
import { keyRoutes } from "../doors/http/keys/routes.ts";
import { mergeRoutes } from "../doors/http/merge/routes.ts";
import { putRoutes } from "../doors/http/put/routes.ts";
import type { Route } from "../doors/http/route.ts";
import { type HttpDoor, openHttpDoor } from "../doors/http/server.ts";
import { serviceRoutes } from "../doors/http/service/routes.ts";
import { tusRoutes } from "../doors/http/tus/routes.ts";
import { uploadsRoutes } from "../doors/http/uploads/routes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Kv } from "../ports/kv.ts";
import type { Log } from "../ports/log.ts";
import type { Access } from "./access.ts";
import { type DoorPorts, doorList } from "./door-list.ts";
import { openMemcached } from "./memcached-door.ts";
import { Overview } from "./overview.ts";
import type { Services } from "./services.ts";
import type { PortSetting, Settings } from "./settings.ts";
import { webFolder } from "./web-folder.ts";

export interface DoorsOptions {
  readonly settings: Settings;
  readonly access: Access;
  readonly version: string;
  readonly kv: Kv;
  readonly services: Services;
  readonly clock: Clock;
  readonly log: Log;
}

/** Disposing closes all of them at once. */
export interface Doors extends DoorPorts, AsyncDisposable {}

/** Bytes of the bodies of large image chunks that are in memory together; at least the largest one. */
const BODY_ROOM = 64 * 1_048_576;
/** Slow senders and readers are welcome, as long as a byte moves now and then. */
const IDLE_SECONDS = 120;
/** How long requests under way may take to end after SIGTERM. */
const GRACE_MS = 5_000;

export async function openDoors(options: DoorsOptions): Promise<Doors> {
  const { settings, access, version, kv, clock, log } = options;
  await using opened = new AsyncDisposableStack();
  const stops: (() => Promise<void>)[] = [];
  // Until all are open, a failure closes those that are.
  opened.defer(async () => {
    await Promise.all(stops.map((stop) => stop()));
  });

  const memcached = await openMemcached({ settings, access, version, kv, clock, log });
  if (memcached) stops.push(() => memcached.stop());
  const overview = new Overview({ ...options, memcached });
  const shared = {
    ...{ hostname: settings.host, routes: routesOf(options, overview), idleTimeout: IDLE_SECONDS, log },
    credentials: () => access.current.credentials,
    allowedHosts: [...settings.allowedHosts, settings.host.toLowerCase(), hostname().toLowerCase()],
  };
  const openHttp = (port: PortSetting): number | null => {
    if (port === "off") return null;
    const door = openHttpDoor({ ...shared, port });
    stops.push(() => stopHttp(door, clock));
    return door.port;
  };
  const [http, image, merge] = [settings.httpPort, settings.imagePort, settings.mergePort].map(openHttp);
  const ports: DoorPorts = {
    memcached: memcached?.port || null,
    http: http ?? null,
    image: image ?? null,
    merge: merge ?? null,
  };
  overview.doors = doorList(settings.host, ports);
  const closing = opened.move();
  return {
    ...ports,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

function routesOf(
  { settings, version, kv, services, clock }: DoorsOptions,
  overview: Overview,
): readonly Route[] {
  const { files, uploads, jobs, aggregations } = services;
  const chunkLimit = settings.maxChunkBody;
  const room = new BodyRoom({ size: Math.max(chunkLimit, BODY_ROOM), clock });
  const routes = [
    ...imageRoutes({ uploads, files, chunkLimit, room }),
    ...dropzoneRoutes({ uploads, files, jobs: aggregations }),
    ...mergeRoutes({ jobs, files }),
    ...filesRoutes({ files }),
    ...putRoutes({ uploads }),
    ...tusRoutes({ uploads, files, maxSize: settings.maxUpload }),
    ...uploadsRoutes({ uploads }),
    ...jobsRoutes({ jobs, files }),
    ...keyRoutes({ kv }),
  ];
  const source = {
    version,
    status: () => overview.status(),
    workers: () => overview.workers(),
    metrics: () => overview.metrics(),
  };
  return [
    ...routes,
    ...serviceRoutes(source, routes),
    ...dashboardRoutes({ files: findWebFiles(webFolder()) }),
  ];
}

/**
 * Takes no more requests, lets those under way end, and cuts off what has not ended after the grace: an upload keeps what
 * came of it. What takes longer than that, joining large parts say, is given up, and mended by the next start.
 */
async function stopHttp(door: HttpDoor, clock: Clock): Promise<void> {
  const over = new AbortController();
  const after = (ms: number, work: () => void) => clock.sleep(ms, over.signal).then(work, () => undefined); // all ended in time
  const cut = after(GRACE_MS, () => void door.stop(true));
  await Promise.race([door.stop(), after(2 * GRACE_MS, () => undefined)]);
  over.abort();
  await cut;
}
