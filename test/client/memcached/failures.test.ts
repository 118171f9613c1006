// What fails on the way: interruptions, and servers that die, fall silent, or are full.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import {
  Evicted,
  type LargeFilesOptions,
  NotFound,
  OutOfMemory,
  openLargeFiles as open,
  ServerUnreachable,
} from "../../../src/client/memcached/index.ts";
import { chunksOn, keysOn } from "../../support/memcached-keys.ts";
import { fragile, scripted } from "../../support/memcached-proxy.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { Program } from "../../support/processes.ts";

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

/** Yields the bytes in pieces, calling `at` before the piece of that index. */
async function* withEvent(
  bytes: Uint8Array,
  index: number,
  event: () => unknown,
): AsyncGenerator<Uint8Array> {
  const size = 10_000;
  for (let at = 0; at < bytes.length; at += size) {
    if (at / size === index) await event();
    yield bytes.subarray(at, at + size);
  }
}

function webStream(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

describe.each([1, 2])("over connections: %i", (connections) => {
  const openLargeFiles = (options: LargeFilesOptions) => open({ connections, ...options });

  describe("an interrupted store", () => {
    test("leaves nothing, wherever it is interrupted", async () => {
      await using server = await MemcachedServer.start();
      await using files = await openLargeFiles({ servers: [server.address], chunkSize: 10_000 });
      const bytes = randomBytes(200_000);
      for (const after of [0, 1, 10, 19, 20]) {
        const controller = new AbortController();
        const reason = new Error(`stopped after ${after}`);
        if (after === 0) controller.abort(reason);
        const attempt = files.store("f", bytes, {
          signal: controller.signal,
          onProgress: ({ done }) => {
            if (done === after * 10_000) controller.abort(reason);
          },
        });
        expect(await failure(attempt)).toBe(reason);
        expect(await keysOn(server.address)).toEqual([]);
      }
    });

    test("does not wait for a source that never yields again", async () => {
      await using server = await MemcachedServer.start();
      await using files = await openLargeFiles({ servers: [server.address], chunkSize: 10_000 });
      const never = () => new Promise(() => undefined);
      const makers = [
        () => withEvent(randomBytes(50_000), 3, never),
        () => webStream(withEvent(randomBytes(50_000), 3, never)),
      ];
      for (const make of makers) {
        const controller = new AbortController();
        const attempt = files.store("f", make(), {
          signal: controller.signal,
          onProgress: ({ done }) => {
            if (done === 20_000) controller.abort();
          },
        });
        expect(await failure(attempt)).toMatchObject({ name: "AbortError" });
        expect(await keysOn(server.address)).toEqual([]);
      }
    });

    test("a source that fails leaves nothing", async () => {
      await using server = await MemcachedServer.start();
      await using files = await openLargeFiles({ servers: [server.address], chunkSize: 10_000 });
      const broken = new Error("the disk is gone");
      const source = withEvent(randomBytes(200_000), 12, () => Promise.reject(broken));
      expect(await failure(files.store("f", source))).toBe(broken);
      expect(await keysOn(server.address)).toEqual([]);
      const text = ["text"] as unknown as Iterable<Uint8Array>;
      expect(await failure(files.store("f", text))).toMatchObject({ code: "invalid" });
    });

    test("an aborted retrieve stops", async () => {
      await using server = await MemcachedServer.start();
      await using files = await openLargeFiles({ servers: [server.address], chunkSize: 10_000 });
      await files.store("f", randomBytes(200_000));
      const controller = new AbortController();
      const retrieval = await files.retrieve("f", { signal: controller.signal });
      const reader = retrieval[Symbol.asyncIterator]();
      await reader.next();
      controller.abort();
      expect(await failure(reader.next())).toMatchObject({ name: "AbortError" });
    });
  });

  describe("a server that dies", () => {
    test("in the middle of a store is ServerUnreachable and named", async () => {
      await using server = await MemcachedServer.start();
      await using files = await openLargeFiles({ servers: [server.address], chunkSize: 10_000 });
      const source = withEvent(randomBytes(2_000_000), 100, () => server.kill());
      const fault = await failure(files.store("f", source));
      expect(fault).toBeInstanceOf(ServerUnreachable);
      expect((fault as ServerUnreachable).server).toBe(server.address);
      expect((fault as ServerUnreachable).message).toContain(server.address);
    });

    test("in the middle of a retrieve is ServerUnreachable and named", async () => {
      await using server = await MemcachedServer.start();
      await using files = await openLargeFiles({ servers: [server.address] });
      await files.store("f", randomBytes(20_000_000));
      let read = 0;
      const fault = await failure(
        (async () => {
          for await (const chunk of await files.retrieve("f")) {
            if (read === 0) await server.kill();
            read += chunk.length;
          }
        })(),
      );
      expect(fault).toBeInstanceOf(ServerUnreachable);
      expect((fault as ServerUnreachable).message).toContain(server.address);
      expect(read).toBeLessThan(20_000_000);
    });

    test("and comes back is connected again; what it forgot is NotFound", async () => {
      await using server = await MemcachedServer.start();
      await using proxy = await fragile(server.address);
      await using files = await openLargeFiles({ servers: [proxy.address], chunkSize: 1_000 });
      await files.store("f", randomBytes(5_000));
      proxy.cut();
      await failure(files.stat("f"));
      expect((await files.stat("f")).size).toBe(5_000);
      expect(await failure(files.stat("g"))).toBeInstanceOf(NotFound);
    });

    test("a connection cut in the middle of a store: its chunks are removed over a new one", async () => {
      await using server = await MemcachedServer.start();
      await using proxy = await fragile(server.address);
      await using files = await openLargeFiles({ servers: [proxy.address], chunkSize: 10_000 });
      const source = withEvent(randomBytes(2_000_000), 100, () => proxy.cut());
      expect(await failure(files.store("f", source))).toBeInstanceOf(ServerUnreachable);
      expect((await keysOn(server.address)).filter((key) => key.includes(":file"))).toEqual([]);
      expect((await chunksOn(server.address)).length).toBe(0);
    });

    test("that is not there, or falls silent, is ServerUnreachable in time", async () => {
      await using none = await openLargeFiles({ servers: ["127.0.0.1:1"] });
      expect(await failure(none.stat("f"))).toBeInstanceOf(ServerUnreachable);
      await using silent = await scripted(() => undefined);
      await using files = await openLargeFiles({ servers: [silent.address], idleTimeout: 50 });
      const fault = await failure(files.store("f", randomBytes(10)));
      expect(fault).toBeInstanceOf(ServerUnreachable);
      expect((fault as Error).message).toContain(`${silent.address} was silent for 50 ms`);
    });
  });

  describe("a server that does not accept", () => {
    test("is ServerUnreachable in time, and closing does not wait for it", async () => {
      // A listener that accepts nothing: once its queue is full, connecting to it hangs.
      const script =
        "import socket,time\ns=socket.create_server(('127.0.0.1',0),backlog=0)\nprint(s.getsockname()[1],flush=True)\ntime.sleep(60)";
      await using listener = await Program.start(["/usr/bin/python3", "-c", script]);
      const port = Number((await listener.untilLine(/^(\d+)$/m))[1]);
      const queue = [1, 2].map(() => connect({ host: "127.0.0.1", port }).on("error", () => undefined));
      await new Promise((resolve) => queue[0]?.once("connect", resolve));
      await using patient = await openLargeFiles({ servers: [`127.0.0.1:${port}`], connectTimeout: 50 });
      const fault = await failure(patient.stat("f"));
      expect(fault).toBeInstanceOf(ServerUnreachable);
      expect((fault as Error).message).toContain("did not accept a connection within 50 ms");
      const files = await openLargeFiles({ servers: [`127.0.0.1:${port}`], connectTimeout: 60_000 });
      const waiting = failure(files.stat("f"));
      await files.close();
      expect(await waiting).toMatchObject({ code: "invalid" });
      for (const socket of queue) socket.destroy();
    });
  });

  describe("a server without room", () => {
    test("that evicts the first chunks while it takes the last: Evicted, and nothing stays", async () => {
      await using server = await MemcachedServer.start(["-m", "8"]);
      await using files = await openLargeFiles({ servers: [server.address] });
      const fault = await failure(files.store("f", randomBytes(20_000_000)));
      expect(fault).toBeInstanceOf(Evicted);
      expect((fault as Evicted).total).toBe(40);
      expect((fault as Evicted).missing.length).toBeGreaterThan(10);
      expect(await keysOn(server.address)).toEqual([]);
    });

    test("that may not evict: OutOfMemory, and nothing stays", async () => {
      await using server = await MemcachedServer.start(["-m", "8", "-M"]);
      await using files = await openLargeFiles({ servers: [server.address] });
      const fault = await failure(files.store("f", randomBytes(20_000_000)));
      expect(fault).toBeInstanceOf(OutOfMemory);
      expect((fault as OutOfMemory).server).toBe(server.address);
      expect(await keysOn(server.address)).toEqual([]);
    });
  });

  test("after close every call is refused, and closing twice is harmless", async () => {
    await using server = await MemcachedServer.start();
    const files = await openLargeFiles({ servers: [server.address] });
    await files.store("f", randomBytes(10));
    await files.close();
    await files.close();
    expect(await failure(files.stat("f"))).toMatchObject({ code: "invalid" });
  });
});
