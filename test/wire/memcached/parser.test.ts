// The command parser: any split into packets gives the same commands, and memory follows what arrived.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Command } from "../../../src/wire/memcached/commands.ts";
import { CommandParser } from "../../../src/wire/memcached/parser.ts";
import { plainBytes } from "../../support/values.ts";

const limits = { maxValue: () => 1_000 };

/** All commands, with values copied, since the parser hands out slices. */
function parseAll(packets: readonly Buffer[]): readonly unknown[] {
  const parser = new CommandParser(limits);
  const commands: unknown[] = [];
  for (const packet of packets) {
    let at = 0;
    while (at < packet.length) {
      const batch: Command[] = [];
      at = parser.parse(packet, at, batch);
      for (const command of batch) {
        commands.push(
          "value" in command ? { ...command, value: plainBytes(command.value).toString("hex") } : command,
        );
      }
    }
  }
  return commands;
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const packets: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from) packets.push(Buffer.from(bytes.subarray(from, place)));
    from = place;
  }
  return packets;
}

const piece = fc.oneof(
  fc.constantFrom(
    "get a\r\n",
    "gets a bb  ccc\r\n",
    "gat 5 a b\n",
    "set a 0 0 5\r\nhello\r\n",
    "set a 1 2 0 noreply\r\n\r\n",
    "set a 0 0 2\r\nxyz\r\n",
    "cas a 0 0 1 17\r\nq\r\n",
    `set big 0 0 1500\r\n${"z".repeat(1500)}\r\n`,
    "incr n 5\r\ndecr n 18446744073709551615 noreply\r\n",
    "delete k 0\r\n",
    "touch k 1\r\n",
    "flush_all 3 noreply\r\n",
    "mn\r\nversion\r\nstats items\r\n",
    `get ${"key ".repeat(700)}\r\n`,
    `get ${"k".repeat(251)} a\r\n`,
    "\r\n\n \r\n",
    "mg a v k O1 q\r\nmd a I\r\nma n N0 J5 v\r\nme a\n",
    "ms a 5 T0 c\r\nhello\r\nms YmI= 0 b q\r\n\r\n",
    "ms a 3 Z\r\nabc\r\nms a 2\r\nxyz\r\n",
    `ms big 1500 q\r\n${"z".repeat(1500)}\r\n`,
    "lru_crawler metadump all\r\nstats cachedump 1 0\r\n",
    "quit\r\n",
  ),
  fc.string({ unit: "binary-ascii", maxLength: 12 }).map((text) => `${text}\r\n`),
);

test("any split of any pipeline into packets gives the same commands", () => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(20_000), { maxLength: 30 }),
      (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(""), "latin1");
        expect(parseAll(split(bytes, cuts))).toEqual(parseAll([bytes]));
      },
    ),
    { numRuns: 500 },
  );
});

test("byte by byte too, also for a get line that is longer than what is kept whole", () => {
  const texts = [
    `set a 0 0 5\r\nhello\r\n get a b\r\nfoo\r\nset big 0 0 1500\r\n${"z".repeat(1500)}\r\nget a\r\n`,
    `gets ${"abcdefg ".repeat(9_000)}last\r\nmn\r\n`,
    `get ${"abcdefg ".repeat(8_180)}${"k".repeat(300)} a\r\nmn\r\n`,
    `get ${"abcdefg ".repeat(9_000)}${"k".repeat(300)} a\r\nmn\r\n`,
    `get ${"abcdefg ".repeat(9_000)}${"k".repeat(251)}\r\nmn\r\n`,
  ];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const whole = parseAll([bytes]);
    expect(parseAll(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))).toEqual(whole);
    expect(whole.length).toBeGreaterThan(2);
  }
});

test("a get line without end is taken key by key, and ends with END", () => {
  const commands = parseAll([Buffer.from(`get ${"abcdefg ".repeat(20_000)}z\r\nmn\r\n`)]);
  expect(commands).toHaveLength(20_003);
  expect(commands.at(-3)).toEqual({ kind: "get", key: "z", withCas: false, last: false });
  expect(commands.at(-2)).toEqual({ kind: "line", text: "END", noreply: false });
});

test("a declared length allocates nothing before the bytes arrive", () => {
  const parsers = Array.from({ length: 200 }, () => new CommandParser({ maxValue: () => 2 ** 30 }));
  const before = process.memoryUsage().rss;
  for (const parser of parsers) parser.parse(Buffer.from("set a 0 0 1000000000\r\nxyz"), 0, []);
  expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
});

test("random bytes never throw, hang, or make one batch grow without bound", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (packets) => {
      const parser = new CommandParser(limits);
      for (const packet of packets) {
        const chunk = Buffer.from(packet);
        let at = 0;
        while (at < chunk.length) {
          const batch: Command[] = [];
          const next = parser.parse(chunk, at, batch);
          expect(next).toBeGreaterThan(at - 1);
          expect(batch.length).toBeLessThan(1_000);
          if (next === at && batch.length === 0) throw new Error("no progress");
          at = next;
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test("flags that were seen before mean the same again", () => {
  const line = fc
    .tuple(
      fc.constantFrom("a", "YmI=", "k".repeat(250), "k".repeat(251)),
      fc.constantFrom(
        "",
        " v",
        " v ",
        "  v f",
        " v f",
        " f v",
        " b v",
        " v O12",
        " v v",
        " T9",
        " v\0x",
        "\0 v",
      ),
    )
    .map(([key, flags]) => `mg ${key}${flags}\r\n`);
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 12 }), (lines) => {
      const alone = lines.flatMap((one) => parseAll([Buffer.from(one, "latin1")]));
      expect(parseAll([Buffer.from(lines.join(""), "latin1")])).toEqual(alone);
    }),
  );
});
