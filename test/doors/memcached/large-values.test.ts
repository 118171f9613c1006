// Large values through the door: cut anywhere, refused, broken off, read slowly, and out of step with nobody.

import { describe, expect, test } from "bun:test";
import { appendFileSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { SqliteKv } from "../../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { LargeItemClient, valueDigest, valuePieces } from "../../support/large-item-client.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { exchange, type Served, SILENT, serveKv } from "../../support/memcached-wire.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";

interface Subject extends Served {
  readonly client: LargeItemClient;
  /** Of values. */
  files(): string[];
  readonly path: string;
  readonly logged: string[];
}

async function serve(
  spoolFrom: number,
  maxItem = 1_048_576,
  { clock = new ManualClock(), idleTimeout = 0 } = {},
): Promise<Subject> {
  const folder = await temporaryFolder();
  const path = folder.at("kv.sqlite");
  const kv = SqliteKv.open({ path, sync: "normal", rules: createRules({ spoolFrom, maxItem }), clock });
  const logged: string[] = [];
  const log = { ...SILENT, error: (event: string) => void logged.push(event) };
  const served = serveKv({ kv, clock, spoolFrom, maxItem, idleTimeout, log });
  return {
    ...served,
    ...{ path, logged },
    client: new LargeItemClient(`127.0.0.1:${served.port}`),
    files: () => {
      try {
        return readdirSync(`${path}-values`).filter((name) => !name.startsWith("."));
      } catch {
        return [];
      }
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () => resolve(socket));
  });
}

describe("large values through the memcached door", () => {
  test("any split into packets gives the same bytes as small ones", async () => {
    await using large = await serve(2);
    await using small = await serve(1_048_576);
    const pipeline = [
      "set a 7 0 5\r\nabcde\r\nget a nope a\r\nappend a 0 0 1\r\nf\r\ngets nope\r\nget a\r\n",
      "ms m 4 s O1\r\nabcd\r\nmg m v k s\r\nmd m I q\r\nmg m v\r\nms m 2 Z\r\nxx\r\nms q 3 q\r\nxyz\r\nmg q v\r\n",
      "set b 0 0 3\r\nwxyz\r\nset b 0 0 4 noreply\r\nwxyz\r\nget b a\r\nset b 0 0 3 noreply\r\nwxyz\r\nfoo\r\n",
      "add b 0 0 4\r\nxxxx\r\nreplace nope 0 0 4\r\nxxxx\r\nprepend b 0 0 6\r\n+-+-+-\r\ntouch b 0\r\nmg b s v\r\n",
      "set c 0 0 2000000\r\n",
      "x".repeat(2_000_000),
      "\r\nget c\r\ndelete a\r\nget a b\r\nms c 2000000\r\n",
      "y".repeat(2_000_000),
      "\r\n",
    ].join("");
    const play = async (server: Subject, pieces: readonly string[]) => {
      await exchange(server.port, "flush_all\r\nmn\r\n", "MN\r\n");
      return (await exchange(server.port, [...pieces, "mn\r\n"], "MN\r\n")).text;
    };
    const whole = await play(small, [pipeline]);
    expect(whole).toContain("+-+-+-wxyz\r\n");
    expect(await play(large, [pipeline])).toBe(whole);
    const cut = fc.oneof(fc.nat(600), fc.nat(pipeline.length - 1));
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { maxLength: 12 }), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), pipeline.length];
        const pieces = places.slice(1).map((end, i) => pipeline.slice(places[i], end));
        expect(await play(large, pieces)).toBe(whole);
      }),
      { numRuns: 30 },
    );
    await exchange(large.port, "flush_all\r\nmn\r\n", "MN\r\n");
    await large.kv.stats();
    await until("no file is left", () => large.files().length === 0);
  }, 60_000);

  test("a connection that ends in the block leaves the old value, and no file", async () => {
    await using server = await serve(1_000);
    expect(await server.client.store("a", 50_000, 1)).toBe("STORED\r\n");
    for (const end of [(socket: Socket) => socket.destroy(), (socket: Socket) => socket.end()]) {
      const socket = await opened(server.port);
      socket.on("error", () => undefined);
      socket.write(`set a 0 0 800000\r\n${"x".repeat(300_000)}`);
      await until("a part is on its way", () => server.files().length === 2);
      end(socket);
      await until("it is gone", () => server.files().length === 1);
      socket.destroy();
    }
    expect(await server.client.fetchDigest("a", 50_000)).toBe(valueDigest(50_000, 1));
    expect(server.logged).toEqual([]);
  });

  test("a client may close its side behind the block, and is answered", async () => {
    await using server = await serve(1_000);
    const socket = await opened(server.port);
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    socket.end(`set a 0 0 700000\r\n${"x".repeat(700_000)}\r\nmn\r\n`);
    await until("it is answered", () => answer === "STORED\r\nMN\r\n");
  });

  test("what is over the limit is swallowed without a file", async () => {
    await using server = await serve(1_000, 100_000);
    const value = "x".repeat(200_000);
    const sent = `set a 0 0 200000\r\n${value}\r\nset a 0 0 200000 noreply\r\n${value}\r\nms a 200000\r\n${value}\r\nmn\r\n`;
    const { text } = await exchange(server.port, sent, "MN\r\n");
    const refusal = "SERVER_ERROR object too large for cache\r\n";
    expect(text).toBe(`${refusal}${refusal}MN\r\n`);
    expect(server.files()).toEqual([]);
  });

  test("a slow reader gets the value as it was, while it is overwritten, removed and flushed", async () => {
    await using server = await serve(1_000, 40_000_000);
    const size = 30_000_000;
    for (const end of ["set a 0 0 1\r\nx\r\n", "delete a\r\n", "flush_all\r\n"]) {
      await server.client.store("a", size, 9);
      const reader = await opened(server.port);
      reader.pause();
      reader.write("get a\r\nget a\r\n");
      await until("it is on its way", () => server.door.figures.bytesWritten > 100_000);
      await exchange(server.port, `${end}mn\r\n`, "MN\r\n");
      await server.kv.stats();
      await until("the file is gone", () => server.files().length === 0);
      const hash = new Bun.CryptoHasher("sha256");
      const head = `VALUE a 0 ${size}\r\n`.length;
      let seen = 0;
      reader.on("data", (bytes: Buffer) => {
        hash.update(bytes.subarray(Math.max(0, head - seen), Math.max(0, head + size - seen)));
        seen += bytes.length;
      });
      reader.resume();
      const tail = end.startsWith("set") ? "VALUE a 0 1\r\nx\r\nEND\r\n" : "END\r\n";
      await until("it has all", () => seen === head + size + "\r\nEND\r\n".length + tail.length);
      expect(hash.digest("hex")).toBe(valueDigest(size, 9));
      reader.destroy();
      server.door.figures.reset();
    }
  }, 60_000);

  test("readers that go away, or never read, keep neither memory nor files open", async () => {
    await using server = await serve(1_000, 40_000_000);
    await server.client.store("a", 30_000_000, 9);
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    const memory = process.memoryUsage().rss;
    const readers = await Promise.all(Array.from({ length: 20 }, () => opened(server.port)));
    for (const reader of readers) reader.pause().write("get a a a\r\n".repeat(10));
    await until("they are served", () => server.door.figures.bytesWritten > 2_000_000);
    expect(await server.client.ask("get nope\r\n", "END\r\n")).toBe("END\r\n");
    expect(process.memoryUsage().rss - memory).toBeLessThan(150_000_000);
    for (const reader of readers) reader.destroy();
    await until("all is closed", () => open() <= before && server.door.figures.currConnections === 0);
  }, 60_000);

  test("a damaged value ends its connection, and no other", async () => {
    await using server = await serve(1_000);
    await server.client.store("a", 50_000, 1);
    await server.client.store("b", 50_000, 2);
    const folder = `${server.path}-values`;
    const [one = ""] = server.files();
    const bytes = new Uint8Array(await Bun.file(join(folder, one)).arrayBuffer());
    bytes[40_000] = 77;
    await Bun.write(join(folder, one), bytes);
    const answers = await Promise.all(
      ["a", "b"].map((key) => exchange(server.port, `get ${key}\r\nmn\r\n`, "MN\r\n")),
    );
    expect(answers.map(({ closed }) => closed).sort()).toEqual([false, true]);
    expect(server.logged).toEqual(["memcached.broken-off"]);
  });

  test("a value whose file is missing or cut is answered by an error, and the connection goes on", async () => {
    await using server = await serve(1_000);
    const failed = "SERVER_ERROR the database file is damaged, run 'cairn check'\r\n";
    const good = `VALUE good 0 1500\r\n${"g".repeat(1_500)}\r\n`;
    const small = "VALUE small 0 1\r\nx\r\n";
    const sent = [`set good 0 0 1500\r\n${"g".repeat(1_500)}\r\n`, "set small 0 0 1\r\nx\r\nmn\r\n"];
    await exchange(server.port, sent, "MN\r\n");
    const hurt = async (key: string, damage: (path: string) => void) => {
      const others = new Set(server.files());
      await server.client.store(key, 50_000, 1);
      for (const name of server.files()) if (!others.has(name)) damage(join(`${server.path}-values`, name));
    };
    await hurt("gone", rmSync);
    await hurt("short", (path) => truncateSync(path, 49_999));
    await hurt("long", (path) => appendFileSync(path, "x"));
    const open = readdirSync("/proc/self/fd").length;
    const cases: [command: string, answer: string][] = [
      ...["gone", "short", "long"].map((key): [string, string] => [`get ${key}`, failed]),
      [
        "gets good gone small",
        `${good.replace(/1500/, "1500 CAS")}${small.replace(/ 1\r/, " 1 CAS\r")}${failed}`,
      ],
      ["get gone good short small", `${good}${small}${failed}`],
      ["get good gone", `${good}${failed}`],
      ["get gone nope", failed],
      ["gat 0 short good", `${good}${failed}`],
      ["mg gone s v", failed],
      ["mg short v q k Oab", failed],
      ["mg gone s", "HD s50000\r\n"],
      ["get good small", `${good}${small}END\r\n`],
    ];
    for (const [command, answer] of cases) {
      const { text, closed } = await exchange(server.port, `${command}\r\nmn\r\n`, "MN\r\n");
      const told = text.replace(/^(VALUE \S+ 0 \d+) \d+\r$/gm, "$1 CAS\r");
      expect({ command, told, closed }).toEqual({ command, told: `${answer}MN\r\n`, closed: false });
    }
    const all = await exchange(
      server.port,
      `${cases.map(([command]) => command).join("\r\n")}\r\nmn\r\n`,
      "MN\r\n",
    );
    expect(all.text.split(failed).length - 1).toBe(10);
    expect(new Set(server.logged)).toEqual(new Set(["memcached.failed"]));
    await until("no file is left open", () => readdirSync("/proc/self/fd").length <= open);
    expect(await server.client.store("gone", 50_000, 3)).toBe("STORED\r\n");
    expect(await server.client.fetchDigest("gone", 50_000)).toBe(valueDigest(50_000, 3));
  });

  test("a client that stalls in the block is closed as an idle one", async () => {
    const clock = new ManualClock();
    await using server = await serve(1_000, 1_048_576, { clock, idleTimeout: 10_000 });
    const socket = await opened(server.port);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.on("error", () => undefined);
    socket.resume().write("set a 0 0 900000\r\nbeginning");
    await until("it has begun", () => server.files().length === 1);
    await until("it is closed", async () => {
      await clock.advance(5_000);
      return server.door.figures.currConnections === 0;
    });
    await until("no file is left", () => server.files().length === 0);
    socket.destroy();
    await closed;
    expect(server.logged).toEqual([]);
  });

  test("a door that is stopped ends what is half received", async () => {
    const server = await serve(1_000);
    const socket = await opened(server.port);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.resume().write("set a 0 0 900000\r\nbeginning");
    await until("it has begun", () => server.files().length === 1);
    await server.door.stop();
    await until("no file is left", () => server.files().length === 0);
    socket.destroy();
    await closed;
    await server[Symbol.asyncDispose]();
  });

  test("many at once on one connection and on many are all whole", async () => {
    await using server = await serve(1_000);
    const socket = await opened(server.port);
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    for (let i = 0; i < 20; i++) {
      socket.write(`set k${i} 0 0 60000\r\n`);
      for (const piece of valuePieces(60_000, i)) socket.write(piece);
      socket.write("\r\nversion\r\n");
    }
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, i) => server.client.store(`o${i}`, 90_000, i)),
    );
    expect(new Set(others)).toEqual(new Set(["STORED\r\n"]));
    await until("all are answered", () => answer === "STORED\r\nVERSION 1.6.18-cairn-0.0.0\r\n".repeat(20));
    for (let i = 0; i < 20; i++) {
      expect(await server.client.fetchDigest(`k${i}`, 60_000)).toBe(valueDigest(60_000, i));
      expect(await server.client.fetchDigest(`o${i}`, 90_000)).toBe(valueDigest(90_000, i));
    }
    socket.destroy();
  });
});
