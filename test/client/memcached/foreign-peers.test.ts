// Peers that are no memcached, or an old one: known by what they say, and named, without waiting for what never comes.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type LargeFiles, NotMemcached, openLargeFiles } from "../../../src/client/memcached/index.ts";
import { failureOf as failure } from "../../support/failure.ts";
import { scripted, withoutHashWalk } from "../../support/memcached-proxy.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";

describe("a peer that is no memcached", () => {
  const calls = {
    store: (files: LargeFiles) => files.store("f", randomBytes(10)),
    stat: (files: LargeFiles) => files.stat("f"),
    retrieve: (files: LargeFiles) => files.retrieve("f"),
    verify: (files: LargeFiles) => files.verify("f"),
    repair: (files: LargeFiles) => files.repair("f"),
    remove: (files: LargeFiles) => files.remove("f"),
    list: (files: LargeFiles) => files.list().next(),
    collectGarbage: (files: LargeFiles) => files.collectGarbage(),
  };

  // No timeout of ours would end these before the test's own: they have to fail by what the peer says.
  const waitForEver = { connectTimeout: 3_600_000, idleTimeout: 3_600_000 };

  test.each([
    ["an HTTP server", () => "HTTP/1.1 400 Bad Request\r\nconnection: keep-alive\r\n\r\n"],
    ["Redis", () => "-ERR unknown command 'mg', with args beginning with: 'cairn:probe' \r\n"],
    ["a mail server", () => "220 mail.example ESMTP\r\n500 5.5.2 Error: command not recognized\r\n"],
    ["one that answers in bytes", () => "J\0\0\0\n8.0.36\0\x08\0\0\0\x10\n"],
    ["one that lies about sizes", () => "VALUE cairn:file:f 0 99999999999\r\n"],
  ])("%s is NotMemcached and named, at once", async (_, reply) => {
    await using peer = await scripted(reply);
    await using files = await openLargeFiles({ servers: [peer.address], ...waitForEver });
    for (const call of Object.values(calls)) {
      const fault = await failure(call(files));
      expect(fault).toBeInstanceOf(NotMemcached);
      expect(fault).toMatchObject({ code: "unreachable", server: peer.address });
      expect((fault as Error).message).toContain(peer.address);
    }
  });

  test.each([
    ["of another key", "VALUE other 0 1 1\r\nx\r\nEND\r\n"],
    ["that never end", "VALUE cairn:file:f 0 1 1\r\nx\r\n".repeat(10)],
  ])("one that sends values %s is NotMemcached, and keeps no memory", async (_, values) => {
    await using peer = await scripted((request) => (request.startsWith("get") ? values : "EN\r\n"));
    await using files = await openLargeFiles({ servers: [peer.address], ...waitForEver });
    for (const call of [calls.stat, calls.retrieve, calls.verify]) {
      const fault = await failure(call(files));
      expect(fault).toBeInstanceOf(NotMemcached);
      expect((fault as Error).message).toContain("without being asked for it");
    }
  });

  test("a server that wants a password is a fault that says so", async () => {
    await using peer = await scripted((request) =>
      "CLIENT_ERROR unauthenticated\r\n".repeat(request.split("\r\n").length - 1),
    );
    await using files = await openLargeFiles({ servers: [peer.address], ...waitForEver });
    for (const call of [calls.store, calls.stat, calls.collectGarbage]) {
      expect(await failure(call(files))).toMatchObject({ code: "unauthenticated" });
    }
  });

  test("in a pool it counts as a server that is down: parity brings back what it had", async () => {
    await using a = await MemcachedServer.start();
    await using b = await MemcachedServer.start();
    await using c = await MemcachedServer.start();
    const servers = [a, b, c].map(({ address }) => address);
    const bytes = randomBytes(500_000);
    await using files = await openLargeFiles({ servers, chunkSize: 10_000 });
    await files.store("f", bytes, { parity: 1 });
    await c.kill();
    await using peer = await scripted(() => "-ERR unknown command\r\n", c.port);
    expect(peer.address).toBe(c.address);
    await using again = await openLargeFiles({ servers, chunkSize: 10_000, ...waitForEver });
    expect(await (await again.retrieve("f")).bytes()).toEqual(new Uint8Array(bytes));
    expect(await failure(again.store("g", bytes))).toBeInstanceOf(NotMemcached);
  });
});

test("what a peer says reaches no terminal as a command", async () => {
  await using peer = await scripted(() => "\x1b[2J\x9b31m\x07 gone\r\n");
  await using files = await openLargeFiles({ servers: [peer.address] });
  const fault = (await failure(files.stat("f"))) as Error;
  expect(fault.message).toBe(
    `memcached at ${peer.address} does not speak as memcached does: it answered "?[2J?31m? gone"`,
  );
});

describe("an older memcached", () => {
  const namesOf = async (files: LargeFiles) => {
    const names: string[] = [];
    for await (const { name } of files.list()) names.push(name);
    return names.sort();
  };

  test("that does not walk its hash table lists its files all the same", async () => {
    await using server = await MemcachedServer.start();
    await using old = await withoutHashWalk(server.address);
    await using files = await openLargeFiles({ servers: [old.address] });
    await files.store("a", randomBytes(10));
    await files.store("b", randomBytes(10));
    expect(await namesOf(files)).toEqual(["a", "b"]);
    expect(await files.collectGarbage()).toEqual({ versions: 0, items: 0 });
  });

  test("that has nothing to list says so in words of its own", async () => {
    await using server = await scripted((request) =>
      request.endsWith("hash\r\n") ? "BADCLASS invalid class id\r\n" : "NOTSTARTED no items to crawl\r\n",
    );
    await using files = await openLargeFiles({ servers: [server.address] });
    expect(await namesOf(files)).toEqual([]);
  });
});
