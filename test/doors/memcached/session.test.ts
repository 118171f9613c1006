// The door itself: packets, order over waiting commits, back-pressure, failures of the store, stopping.

import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import fc from "fast-check";
import { MemoryKv } from "../../../src/adapters/memory/kv.ts";
import { SqliteKv } from "../../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { exchange, serveKv } from "../../support/memcached-wire.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";

describe("memcached door", () => {
  test("any split into packets gives the same bytes", async () => {
    await using server = serveKv();
    const pipeline = [
      "set a 0 0 3\r\nabc\r\nget a nope a\r\nappend a 0 0 1\r\nd\r\ngets nope\r\n",
      "ms m 3 s O1\r\nabc\r\nmg m v k t\r\nma q N0 J4 v\r\nmd m I q\r\nmg m v\r\nms m 2 Z\r\nxx\r\nlru_crawler mgdump all\r\n",
      "incr a 1\r\nset n 0 0 1\r\n7\r\nincr n 3\r\nfoo\r\nset b 0 0 1\r\nxyz\r\ndelete a\r\nget a b n\r\n",
      `set c 0 0 2000000\r\n${"x".repeat(2_000)}`,
    ]
      .join("")
      .slice(0, -2_000 - "set c 0 0 2000000\r\n".length);
    const play = async (pieces: readonly string[]) => {
      await exchange(server.port, "flush_all\r\nmn\r\n", "MN\r\n");
      return (await exchange(server.port, [...pieces, "mn\r\n"], "MN\r\n")).text;
    };
    const whole = await play([pipeline]);
    expect(whole).toContain("VALUE n 0 2\r\n10\r\nEND\r\nMN\r\n");
    expect(whole).toContain("VA 3 X W\r\nabc\r\nCLIENT_ERROR invalid flag\r\nmg a\r\nmg m\r\nmg q\r\nEN\r\n");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(pipeline.length - 1), { maxLength: 10 }), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), pipeline.length];
        const pieces = places.slice(1).map((end, i) => pipeline.slice(places[i], end));
        expect(await play(pieces)).toBe(whole);
      }),
      { numRuns: 60 },
    );
  });

  test("replies keep their order over commits, local answers and reads", async () => {
    await using folder = await temporaryFolder();
    const clock = new ManualClock();
    const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "full", rules: createRules(), clock });
    await using server = serveKv({ kv, clock });
    const { text } = await exchange(
      server.port,
      "set a 0 0 1\r\n1\r\nget a\r\nversion\r\nset a 0 0 1 noreply\r\n2\r\nstats sizes\r\nget a\r\nfoo\r\nincr a 1\r\nmn\r\n",
      "MN\r\n",
    );
    expect(text).toBe(
      "STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\nVERSION 1.6.18-cairn-0.0.0\r\nSTAT sizes_status disabled\r\nEND\r\n" +
        "VALUE a 0 1\r\n2\r\nEND\r\nERROR\r\n3\r\nMN\r\n",
    );
  });

  test("stats are honest, and reset", async () => {
    await using server = serveKv();
    const { text } = await exchange(
      server.port,
      "set a 0 0 3\r\nabc\r\nget a b\r\nincr a 1\r\ndelete a\r\nset b 0 0 1\r\nx\r\nstats\r\nstats items\r\nstats settings\r\nmn\r\n",
      "MN\r\n",
    );
    const rows = Object.fromEntries(
      [...text.matchAll(/STAT (\S+) (.*)\r\n/g)].map(([, name, value]) => [name, value]),
    );
    expect(rows).toMatchObject({
      pid: String(process.pid),
      cmd_get: "2",
      cmd_set: "2",
      get_hits: "1",
      get_misses: "1",
      delete_hits: "1",
      curr_items: "1",
      total_items: "2",
      bytes: "2",
      curr_connections: "1",
      "items:1:number": "1",
      item_size_max: "1048576",
    });
    for (const line of text.split("\r\n")) expect(line.length).toBeLessThan(1_024);
    const after = await exchange(server.port, "stats reset\r\nstats\r\nmn\r\n", "MN\r\n");
    expect(after.text).toContain("STAT cmd_get 0\r\n");
    expect(after.text).toContain("STAT curr_items 1\r\n");
  });

  test("a client that never reads is not answered into memory, and others are served", async () => {
    const value = "x".repeat(500_000);
    await using server = serveKv();
    await exchange(server.port, `set big 0 0 500000\r\n${value}\r\n`, "STORED\r\n");
    const before = process.memoryUsage().rss;
    const deaf = connect({ host: "127.0.0.1", port: server.port });
    deaf.pause();
    // 4,000 gets of 500 kB: 2 GB of replies.
    deaf.write("get big big big big\r\n".repeat(1_000));
    await until("its replies stop", () => server.door.figures.bytesWritten > 1_000_000);
    const other = await exchange(server.port, "get nope\r\n", "END\r\n");
    expect(other.text).toBe("END\r\n");
    expect(server.door.figures.bytesWritten).toBeLessThan(50_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    deaf.destroy();
    await until("it is gone", () => server.door.figures.currConnections === 0);
  });

  test("a slow reader gets all of a long answer", async () => {
    const value = "0123456789".repeat(100_000);
    await using server = serveKv();
    await exchange(server.port, `set big 0 0 ${value.length}\r\n${value}\r\n`, "STORED\r\n");
    const { text } = await exchange(server.port, `${"get big big\r\n".repeat(8)}mn\r\n`, "MN\r\n");
    expect(text).toBe(
      `${`${`VALUE big 0 ${value.length}\r\n${value}\r\n`.repeat(2)}END\r\n`.repeat(8)}MN\r\n`,
    );
  });

  test("replies that wait for a slow reader are not lost when a commit is answered behind them", async () => {
    await using folder = await temporaryFolder();
    const clock = new ManualClock();
    const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "normal", rules: createRules(), clock });
    await using server = serveKv({ kv, clock });
    const value = "v".repeat(200_000);
    await exchange(server.port, `set a 0 0 200000\r\n${value}\r\n`, "STORED\r\n");
    const socket = connect({ host: "127.0.0.1", port: server.port });
    socket.pause();
    socket.write("get a\r\nversion\r\nset b 0 0 1\r\nx\r\n".repeat(100));
    const round = `VALUE a 0 200000\r\n${value}\r\nEND\r\nVERSION 1.6.18-cairn-0.0.0\r\nSTORED\r\n`;
    let seen = -1;
    await until("the socket is full", () => {
      const before = seen;
      seen = server.door.figures.bytesWritten;
      return seen > 1_000_000 && seen === before;
    });
    const received: Buffer[] = [];
    let length = 0;
    await new Promise<void>((resolve) => {
      socket.on("data", (piece: Buffer) => {
        received.push(piece);
        length += piece.length;
        if (length >= 100 * round.length) resolve();
      });
      socket.resume();
    });
    expect(Buffer.concat(received).toString("latin1") === round.repeat(100)).toBe(true);
    socket.destroy();
  });

  test("a failed commit answers each command, changes nothing, and the connection goes on", async () => {
    await using folder = await temporaryFolder();
    const clock = new ManualClock();
    const kv = SqliteKv.open({
      path: folder.at("kv.sqlite"),
      sync: "normal",
      rules: createRules(),
      clock,
      maxFileBytes: 160_000,
    });
    await using server = serveKv({ kv, clock });
    const { text } = await exchange(
      server.port,
      `set big 0 0 500000\r\n${"x".repeat(500_000)}\r\nset s 0 0 1\r\nx\r\nset t 0 0 1 noreply\r\nx\r\nget s\r\nmn\r\n`,
      "MN\r\n",
    );
    expect(text.split("\r\n").every((line) => line.length < 80)).toBe(true);
    expect(text).toMatch(/^(SERVER_ERROR out of memory storing object: the disk is full\r\n)/);
    expect(text).toEndWith("MN\r\n");
    const after = await exchange(server.port, "set s 0 0 1\r\ny\r\nget s big\r\n", "END\r\n");
    expect(after.text).toBe("STORED\r\nVALUE s 0 1\r\ny\r\nEND\r\n");
  });

  test("a client may close its side and still read the answers", async () => {
    await using server = serveKv();
    const text = await new Promise<string>((resolve) => {
      let answer = "";
      const socket = connect({ host: "127.0.0.1", port: server.port, allowHalfOpen: true });
      socket.on("data", (piece) => {
        answer += piece;
      });
      socket.on("end", () => {
        socket.end();
        resolve(answer);
      });
      socket.end("set a 0 0 1\r\nx\r\nget a\r\n");
    });
    expect(text).toBe("STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
  });

  test("stop answers what was received, closes every connection, and refuses new ones", async () => {
    const clock = new ManualClock();
    const kv = new MemoryKv({ rules: createRules(), clock });
    const server = serveKv({ kv, clock });
    const idle = exchange(server.port, "get a\r\n");
    const busy = exchange(server.port, "set a 0 0 1\r\nx\r\nget a\r\n");
    await until("both are answered", () => server.door.figures.bytesWritten >= 33);
    await server.door.stop();
    expect(await idle).toEqual({ text: "END\r\n", closed: true });
    expect(await busy).toEqual({ text: "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n", closed: true });
    await expect(exchange(server.port, "get a\r\n")).rejects.toThrow();
    await server[Symbol.asyncDispose]();
  });

  test("stop cuts off clients that do not take their replies, when the grace is over", async () => {
    const clock = new ManualClock();
    const server = serveKv({ clock });
    await exchange(server.port, `set big 0 0 500000\r\n${"x".repeat(500_000)}\r\n`, "STORED\r\n");
    const deaf = connect({ host: "127.0.0.1", port: server.port });
    deaf.on("error", () => undefined);
    deaf.pause();
    deaf.write("get big\r\n".repeat(100));
    await until("its replies stop", () => server.door.figures.bytesWritten > 1_000_000);
    const stopped = server.door.stop();
    await clock.untilSleeping();
    await clock.advance(5_000);
    await stopped;
    expect(server.door.figures.currConnections).toBe(0);
    deaf.destroy();
    await server[Symbol.asyncDispose]();
  });

  test("a taken port is a conflict that names it", async () => {
    await using server = serveKv();
    const { openMemcachedDoor } = await import("../../../src/doors/memcached/door.ts");
    const { SILENT } = await import("../../support/memcached-wire.ts");
    const options = {
      hostname: "127.0.0.1",
      port: server.port,
      kv: server.kv,
      log: SILENT,
      version: "0",
      maxItem: 1e6,
    };
    expect(() => openMemcachedDoor({ ...options, clock: new ManualClock() })).toThrow(String(server.port));
  });
});
