// The uploads and files rooms behind a real HTTP door, as the program composes them, with jobs that a test controls.

import { Files } from "../../src/domain/files/files.ts";
import type { Limits } from "../../src/domain/uploads/admission.ts";
import { Uploads } from "../../src/domain/uploads/uploads.ts";
import { BodyRoom } from "../../src/doors/http/body-room.ts";
import {
  type AggregationStatus,
  dropzoneFinisher,
  dropzoneRoutes,
} from "../../src/doors/http/dropzone/routes.ts";
import { filesRoutes } from "../../src/doors/http/files/routes.ts";
import { imageRoutes } from "../../src/doors/http/image/routes.ts";
import { putRoutes } from "../../src/doors/http/put/routes.ts";
import { openHttpDoor } from "../../src/doors/http/server.ts";
import { tusRoutes } from "../../src/doors/http/tus/routes.ts";
import { uploadsRoutes } from "../../src/doors/http/uploads/routes.ts";
import type { Log, LogFields } from "../../src/ports/log.ts";
import { type ByteStores, openByteStores } from "./byte-stores.ts";
import { ManualClock } from "./manual-clock.ts";
import { temporaryFolder } from "./temporary.ts";

export interface StorageService extends AsyncDisposable {
  /** Where its bytes are. */
  readonly folder: string;
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  readonly port: number;
  readonly stores: ByteStores;
  readonly files: Files;
  readonly uploads: Uploads;
  readonly clock: ManualClock;
  readonly room: BodyRoom;
  /** Job id → what it says of itself; a submitted job is queued. */
  readonly jobs: Map<string, AggregationStatus>;
  /** Idempotency key → job id. */
  readonly keys: Map<string, string>;
  /** Events logged as errors. */
  readonly errors: (readonly [event: string, fields: LogFields | undefined])[];
}

export interface StorageServiceOptions {
  readonly chunkLimit?: number;
  /** Bytes of large image chunks in memory together. */
  readonly bodyRoom?: number;
  readonly keys?: Map<string, string>;
  readonly limits?: Partial<Limits>;
}

/** Opens the service on `folder`; disposing stops it and leaves the folder. */
export async function openStorageService(
  folder: string,
  options: StorageServiceOptions = {},
): Promise<StorageService> {
  const stores = await openByteStores(folder);
  const clock = new ManualClock();
  const errors: StorageService["errors"] = [];
  const ignore = () => undefined;
  const log: Log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (...event) => errors.push(event as never),
  };
  const jobs = new Map<string, AggregationStatus>();
  const keys = options.keys ?? new Map<string, string>();
  const aggregation = {
    submit: async (_file: unknown, key: string) => {
      const id = keys.get(key) ?? crypto.randomUUID();
      keys.set(key, id);
      if (!jobs.has(id)) jobs.set(id, { state: "queued", attempts: 0, error: null, fileId: null });
      return id;
    },
    status: async (id: string) => jobs.get(id),
  };
  const { blobs, staging, records } = stores;
  const files = new Files({ blobs, records, clock, log });
  const finishers = { dropzone: dropzoneFinisher(aggregation) };
  const limits = { maxSize: null, quota: null, maxUploads: null, ...options.limits };
  const uploads = new Uploads({ staging, records, files, clock, log, finishers, limits });
  await uploads.recover();
  const { chunkLimit = 1_048_576, bodyRoom = 64 * 1_048_576 } = options;
  const room = new BodyRoom({ size: bodyRoom, clock });
  const routes = [
    ...imageRoutes({ uploads, files, chunkLimit, room }),
    ...dropzoneRoutes({ uploads, files, jobs: aggregation }),
    ...filesRoutes({ files }),
    ...putRoutes({ uploads }),
    ...tusRoutes({ uploads, files, maxSize: limits.maxSize }),
    ...uploadsRoutes({ uploads }),
  ];
  const server = openHttpDoor({ hostname: "127.0.0.1", port: 0, routes, idleTimeout: 30, log });
  return {
    ...{ folder, stores, files, uploads, clock, room, jobs, keys, errors },
    origin: `http://127.0.0.1:${server.port}`,
    port: server.port,
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
      await stores[Symbol.asyncDispose]();
    },
  };
}

/** The same in a folder of its own, removed at the end. */
export async function temporaryStorageService(options: StorageServiceOptions = {}): Promise<StorageService> {
  const folder = await temporaryFolder();
  const service = await openStorageService(folder.path, options);
  return {
    ...service,
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Sends `text` over a raw connection and returns all that comes back until the server closes or `enough` says so. */
export async function rawExchange(
  port: number,
  text: string | Uint8Array,
  enough: (answer: string) => boolean = (answer) => answer.includes("\r\n\r\n"),
): Promise<string> {
  let answer = "";
  const done = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_socket, data) => {
        answer += data.toString();
        if (enough(answer)) done.resolve();
      },
      close: () => done.resolve(),
      error: () => done.resolve(),
    },
  });
  socket.write(text);
  await done.promise;
  socket.terminate();
  return answer;
}
