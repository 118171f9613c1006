// Listings of all keys: their forms, and that they are complete, in order and bounded while writes go on.

import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { SqliteKv } from "../../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { exchange, serveKv } from "../../support/memcached-wire.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";

async function ask(port: number, request: string, last = "END\r\n"): Promise<readonly string[]> {
  const { text } = await exchange(port, request, last);
  return text.split(/\r?\n/).slice(0, -1);
}

describe("listings", () => {
  test("metadump tells what memcached tells of each key, encoded", async () => {
    const clock = new ManualClock();
    await using server = serveKv({ clock, expire: true });
    const now = clock.now() / 1_000;
    await exchange(
      server.port,
      "set a,b 5 100 3\r\nabc\r\nset c 0 0 1\r\nx\r\nget c\r\nms gAog 1 b\r\ny\r\nmn\r\n",
      "MN\r\n",
    );
    await clock.advance(10_000);
    expect(await ask(server.port, "lru_crawler metadump all\r\n")).toEqual([
      `key=a%2Cb exp=${now + 100} la=${now} cas=1 fetch=no cls=1 size=69`,
      `key=c exp=-1 la=${now} cas=2 fetch=yes cls=1 size=61`,
      `key=%80%0A%20 exp=-1 la=${now} cas=3 fetch=no cls=1 size=63`,
      "END",
    ]);
    expect(await ask(server.port, "lru_crawler mgdump hash\r\n", "EN\r\n")).toEqual([
      "mg a,b",
      "mg c",
      "mg gAog b",
      "EN",
    ]);
    expect(await ask(server.port, "stats cachedump 1 2\r\n")).toEqual([
      `ITEM a,b [3 b; ${now + 100} s]`,
      "ITEM c [1 b; 0 s]",
      "END",
    ]);
  });

  test("memcached itself tells the same of the same keys", async () => {
    await using memcached = await MemcachedServer.start();
    await using server = serveKv({ expire: true });
    const sent = "set a,b 5 0 3\r\nabc\r\nms gAog 1 b\r\ny\r\nset c 0 0 1\r\nx\r\nget c\r\n";
    for (const { port } of [server, memcached]) await exchange(port, sent, "END\r\n");
    const dump = async (port: number) => {
      const lines = await ask(port, "lru_crawler metadump all\r\n");
      return lines.map((line) => line.replace(/ (la|cas)=\d+/g, " $1=N")).sort();
    };
    // Its crawler passes over an item that another thread moves to another list, as it does with one that was fetched.
    const theirs = await until("memcached lists all", async () => {
      const lines = await dump(memcached.port);
      return lines.length === 4 && lines;
    });
    expect(await dump(server.port)).toEqual(theirs);
  });

  test("classes: all items are of the first", async () => {
    await using server = serveKv();
    await exchange(server.port, "set a 0 0 1\r\nx\r\n", "STORED\r\n");
    const answers = await ask(
      server.port,
      "lru_crawler metadump 2,5\r\nlru_crawler metadump 99\r\nlru_crawler metadump\r\nlru_crawler\r\nlru_crawler enable\r\n" +
        "lru_crawler mgdump 2\r\nstats cachedump 2 0\r\nlru_crawler mgdump 1\r\nmn\r\n",
      "MN\r\n",
    );
    expect(answers).toEqual([
      "END",
      "BADCLASS invalid class id",
      "ERROR",
      "ERROR",
      "OK",
      "EN",
      "END",
      "mg a",
      "EN",
      "MN",
    ]);
  });

  test("many pages, with other commands before and behind, while another client writes", async () => {
    await using folder = await temporaryFolder();
    const clock = new ManualClock();
    const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "normal", rules: createRules(), clock });
    await using server = serveKv({ kv, clock });
    const keys = Array.from({ length: 5_000 }, (_, i) => `key:${String(i).padStart(5, "0")}`);
    await exchange(
      server.port,
      `${keys.map((key) => `set ${key} 0 0 1 noreply\r\nx\r\n`).join("")}mn\r\n`,
      "MN\r\n",
    );
    let writing = true;
    const writer = (async () => {
      for (let i = 0; writing; i++) {
        await exchange(server.port, `set key:${i % 5_000}x 0 0 1\r\ny\r\ndelete key:${i}x\r\n`, "D\r\n");
      }
    })();
    const lines = await ask(
      server.port,
      "version\r\nlru_crawler mgdump all\r\nget key:00000\r\nmn\r\n",
      "MN\r\n",
    );
    writing = false;
    await writer;
    expect(lines[0]).toStartWith("VERSION ");
    expect(lines.slice(-5)).toEqual(["EN", "VALUE key:00000 0 1", "x", "END", "MN"]);
    const listed = lines.slice(1, -5).map((line) => line.slice(3));
    expect(listed.filter((key) => !key.endsWith("x"))).toEqual(keys);
    expect(new Set(listed).size).toBe(listed.length);
  });

  test("who does not read a listing is not listed for, and gets all of it in the end", async () => {
    const clock = new ManualClock();
    let pages = 0;
    const head = { flags: 0, exptime: 0, cas: 1, size: 1, state: 0, accessed: 0, fetched: false };
    const endless = {
      scan: async () => {
        pages++;
        const keys = Array.from({ length: 500 }, (_, i) => ({
          ...head,
          key: `${"k".repeat(200)}${pages}-${i}`,
        }));
        return { keys, next: pages < 200 ? "more" : null };
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
    await using server = serveKv({ kv: endless as never, clock });
    const socket = connect({ host: "127.0.0.1", port: server.port });
    socket.on("error", () => undefined);
    socket.pause();
    socket.write("lru_crawler metadump all\r\n");
    let seen = -1;
    // It stands still when two looks, many turns apart, find the same.
    await until("the listing waits for its reader", async () => {
      const before = seen;
      for (let i = 0; i < 200; i++) await new Promise((next) => setImmediate(next));
      seen = pages;
      return pages > 0 && pages === before;
    });
    expect(pages).toBeLessThan(190);
    let bytes = 0;
    let tail = "";
    await new Promise<void>((resolve) => {
      socket.on("data", (piece) => {
        bytes += piece.length;
        tail = (tail + piece.toString("latin1")).slice(-5);
        if (tail === "END\r\n") resolve();
      });
      socket.resume();
    });
    expect(pages).toBe(200);
    expect(bytes).toBeGreaterThan(200 * 500 * 200);
    socket.destroy();
  });

  test("a store that fails in the middle ends the listing with an error", async () => {
    const failing = {
      scan: () => Promise.reject(new Error("gone")),
      [Symbol.asyncDispose]: async () => undefined,
    };
    await using server = serveKv({ kv: failing as never });
    expect(await ask(server.port, "lru_crawler metadump all\r\nmn\r\n", "MN\r\n")).toEqual([
      "SERVER_ERROR internal error",
      "MN",
    ]);
  });
});
