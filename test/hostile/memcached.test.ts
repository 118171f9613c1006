// Bytes that no honest client sends: the server answers or closes, stays in step, and goes on serving.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import fc from "fast-check";
import { exchange, type Served, serveKv } from "../support/memcached-wire.ts";
import { until } from "../support/until.ts";

let server: Served;
beforeAll(() => {
  server = serveKv();
});
afterAll(() => server[Symbol.asyncDispose]());

test("random bytes and half commands leave the server serving", async () => {
  const noise = fc.oneof(
    fc.string({ unit: "binary-ascii", maxLength: 200 }),
    fc.constantFrom(
      "set a 0 0 ",
      "set a 0 0 5\r\nab",
      "get ",
      "\x80",
      "cas a 0 0 1 1\r\n",
      "\0\0\0\r\n",
      "gets \t\r\n",
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 6 }), async (pieces) => {
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port: server.port });
        socket.on("error", (error: NodeJS.ErrnoException) =>
          error.code === "EPIPE" ? undefined : reject(error),
        );
        socket.on("close", () => resolve());
        socket.resume();
        socket.end(pieces.join(""), "latin1");
      });
      expect((await exchange(server.port, "mn\r\n", "MN\r\n")).text).toBe("MN\r\n");
    }),
    { numRuns: 100 },
  );
});

test("huge declared lengths are refused at once, without room for them", async () => {
  const before = process.memoryUsage().rss;
  for (const bytes of [
    "2147483647",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "-1",
    "1e9",
    "0x10",
  ]) {
    const { text } = await exchange(server.port, `set a 0 0 ${bytes}\r\nmn\r\n`, "MN\r\n");
    expect(text).toBe("CLIENT_ERROR bad command line format\r\nMN\r\n");
  }
  const { text } = await exchange(server.port, "set a 0 0 2147483645\r\n", "cache\r\n");
  expect(text).toBe("SERVER_ERROR object too large for cache\r\n");
  expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
});

test("a hundred connections that stop in the middle of a value hold little", async () => {
  const before = process.memoryUsage().rss;
  const sockets = Array.from({ length: 100 }, () => connect({ host: "127.0.0.1", port: server.port }));
  for (const socket of sockets) socket.write("set a 0 0 1000000\r\nx");
  await until("they are connected", () => server.door.figures.currConnections >= 100);
  expect((await exchange(server.port, "mn\r\n", "MN\r\n")).text).toBe("MN\r\n");
  expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000);
  for (const socket of sockets) socket.destroy();
  await until("they are gone", () => server.door.figures.currConnections === 0);
});

test("a get line without end is answered as it comes", async () => {
  const answer = await exchange(server.port, [`get ${"k ".repeat(200_000)}`, "k\r\nmn\r\n"], "MN\r\n");
  expect(answer.text).toBe("END\r\nMN\r\n");
});

test("keys that look like paths, SQL or markup are only keys", async () => {
  const keys = [
    "../../etc/passwd",
    "';DROP/**/TABLE/**/items;--",
    "<script>alert(1)</script>",
    "%2e%2e%2f",
    "\x7f\x01",
  ];
  for (const key of keys) {
    const { text } = await exchange(server.port, `set ${key} 0 0 1\r\nx\r\nget ${key}\r\n`, "END\r\n");
    expect(text).toBe(`STORED\r\nVALUE ${key} 0 1\r\nx\r\nEND\r\n`);
  }
});
