// Clients that go away in the middle of a body, by a reset or by closing their side: what was acknowledged is there, the rest can be
// sent again, and the server serves on.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { sha256 } from "../support/bytes.ts";
import { dropzoneChunk, jsonPost, type RawUpload, requestBytes, sendUpload } from "../support/raw-upload.ts";
import { type StorageService, temporaryStorageService } from "../support/storage-service.ts";
import { TUS_BODY, TusCaller } from "../support/tus.ts";
import { until } from "../support/until.ts";

let service: StorageService;
let network: BadNetwork;
beforeEach(async () => {
  service = await temporaryStorageService();
  network = await badNetwork(service.origin);
});
afterEach(async () => {
  await network[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

const text = "some ascii art\n".repeat(4_000);
const bytes = new Uint8Array(Buffer.from(text));
const half = bytes.length / 2;

interface Protocol {
  /** Sends the first half, and gives the request that would complete the file. */
  begin(): Promise<RawUpload>;
  /** The same request again, or what continues it; fails when it is not taken. */
  complete(request: RawUpload): Promise<void>;
}

const taken = async (request: RawUpload, status: number) =>
  expect((await sendUpload(service.origin, request)).status).toBe(status);

const protocols: Record<string, Protocol> = {
  tus: {
    begin: async () => {
      const tus = new TusCaller(service.origin);
      const url = await tus.create(bytes.length);
      await tus.patch(url, 0, bytes.slice(0, half));
      const headers = { ...TUS_BODY, "upload-offset": String(half) };
      return { method: "PATCH", path: new URL(url).pathname, headers, body: bytes.slice(half) };
    },
    complete: async (request) => {
      const offset = await new TusCaller(service.origin).offset(service.origin + request.path);
      expect(offset).toBeGreaterThanOrEqual(half);
      expect(offset).toBeLessThan(bytes.length);
      const headers = { ...request.headers, "upload-offset": String(offset) };
      await taken({ ...request, headers, body: bytes.slice(offset) }, 204);
    },
  },
  Dropzone: {
    begin: async () => {
      await taken(await dropzoneChunk("a", bytes, 0, half), 200);
      return dropzoneChunk("a", bytes, half, half);
    },
    complete: async (request) => {
      expect((await service.uploads.get("dropzone:a"))?.coverage).toEqual([[0, half]]);
      expect(service.jobs.size).toBe(0);
      await taken(request, 200);
      expect(service.jobs.size).toBe(1);
    },
  },
  image: {
    begin: async () => {
      const chunk = (id: number) =>
        jsonPost(`/image/${sha256(text)}/chunks`, {
          id,
          size: half,
          data: text.slice(id * half, (id + 1) * half),
        });
      await taken(jsonPost("/image", { sha256: sha256(text), size: bytes.length, chunk_size: half }), 201);
      await taken(chunk(0), 201);
      return chunk(1);
    },
    complete: async (request) => {
      expect((await service.uploads.get(`image:${sha256(text)}`))?.coverage).toEqual([[0, half]]);
      await taken(request, 201);
    },
  },
  PUT: {
    begin: async () => ({ method: "PUT", path: "/files/a.txt", headers: {}, body: bytes }),
    complete: async (request) => {
      await until("what it sent is discarded", async () => (await staged()).length === 0);
      await taken(request, 201);
    },
  },
};

const ways: Record<string, (socket: Socket) => void> = {
  reset: (socket) => socket.resetAndDestroy(),
  "half-closed": (socket) => socket.end(),
};

const staged = () => Array.fromAsync(service.stores.staging.list());
const files = async () => (await service.files.page({ limit: 10 })).records;

describe.each(Object.keys(ways))("%s in mid-body", (way) => {
  test.each(Object.keys(protocols))("%s", async (name) => {
    const { begin, complete } = protocols[name] as Protocol;
    const request = await begin();
    const whole = requestBytes(request);
    const part = whole.subarray(0, whole.length - Math.floor(request.body.length / 2));
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(network.origin).port) });
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume().write(part);
    await until("the server was sent all of it", () => network.sent === part.length);
    ways[way]?.(socket);
    await closed;
    expect(await files()).toEqual([]);

    await complete(request);
    expect((await files()).map((file) => file.sha256)).toEqual([sha256(bytes)]);
    const [file] = await files();
    expect(await (await fetch(`${service.origin}/files/${file?.id}`)).text()).toBe(text);
    expect(await staged()).toEqual([]);
    expect(service.errors).toEqual([]);
  });
});
