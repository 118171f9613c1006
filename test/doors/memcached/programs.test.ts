// Random programs of all commands, over several connections at once and in packets cut at random: SQLite answers to the
// byte what the memory store answers.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { SqliteKv } from "../../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { exchange, serveKv } from "../../support/memcached-wire.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const MAX_ITEM = 4_096;
const name = fc.constantFrom("a", "b", "cc", "n", "k".repeat(60));
const text = fc.oneof(
  fc.constantFrom(
    "",
    "7",
    "18446744073709551615",
    "5 x",
    "\r\nget a\r\n",
    "y".repeat(300),
    "z".repeat(3_900),
  ),
  fc.string({ maxLength: 40 }).map((one) => Buffer.from(one).toString("latin1")),
);
const quiet = fc.constantFrom("", "", " noreply");
const exptime = fc.constantFrom(0, 0, 60, -1);
const flags = (...all: string[]) =>
  fc.shuffledSubarray(all).map((some) => some.map((flag) => ` ${flag}`).join(""));

/** `@` stands for the connection's own prefix of keys. What is told of uniques would depend on the others: nothing asks for it. */
const command = fc.oneof(
  { weight: 4, arbitrary: name.map((key) => `get @${key}\r\n`) },
  {
    weight: 2,
    arbitrary: fc.tuple(name, name, name).map((keys) => `get ${keys.map((key) => `@${key}`).join(" ")}\r\n`),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom("set", "set", "set", "add", "replace", "append", "prepend"),
        name,
        fc.nat(9),
        exptime,
        text,
        quiet,
      )
      .map(
        ([verb, key, f, ttl, value, q]) => `${verb} @${key} ${f} ${ttl} ${value.length}${q}\r\n${value}\r\n`,
      ),
  },
  fc.tuple(name, text).map(([key, value]) => `cas @${key} 0 0 ${value.length} 0\r\n${value}\r\n`),
  fc
    .tuple(fc.constantFrom("incr", "decr"), name, fc.nat(), quiet)
    .map(([verb, key, delta, q]) => `${verb} @${key} ${delta}${q}\r\n`),
  fc.tuple(name, quiet).map(([key, q]) => `delete @${key}${q}\r\n`),
  fc.tuple(name, exptime, quiet).map(([key, ttl, q]) => `touch @${key} ${ttl}${q}\r\n`),
  fc.tuple(name, exptime).map(([key, ttl]) => `gat ${ttl} @${key}\r\n`),
  {
    weight: 3,
    arbitrary: fc
      .tuple(name, flags("v", "f", "s", "k", "q", "u", "O12", "T60", "N5"))
      .map(([key, f]) => `mg @${key}${f}\r\n`),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        name,
        text,
        flags("k", "q", "F7", "T60", "I", "O3"),
        fc.constantFrom("", " MA", " MP", " ME", " MR", " MS"),
      )
      .map(([key, value, f, mode]) => `ms @${key} ${value.length}${f}${mode}\r\n${value}\r\n`),
  },
  fc.tuple(name, flags("k", "q", "I", "x")).map(([key, f]) => `md @${key}${f}\r\n`),
  fc.tuple(name, flags("v", "k", "q", "N60", "J5", "D3", "MD")).map(([key, f]) => `ma @${key}${f}\r\n`),
  fc.constantFrom(
    "mn\r\n",
    "version\r\n",
    "nonsense\r\n",
    `set @a 0 0 9000\r\n${"b".repeat(9_000)}\r\n`,
    "set @a 0 0 2\r\nlong\r\n",
  ),
);
/** Of one connection: its commands, and where its bytes are cut. */
const lane = fc.tuple(
  fc.array(command, { minLength: 1, maxLength: 40 }),
  fc.array(fc.nat(), { maxLength: 12 }),
);
const END_OF_PROGRAM = {
  kind: "set",
  key: "end-of-program",
  flags: 0,
  exptime: 0,
  value: Buffer.from("!"),
  cas: 0,
  noreply: false,
} as const;
const LAST = "VALUE end-of-program 0 1\r\n!\r\nEND\r\n";
const LANES = ["p", "q", "r"] as const;
const program = fc.tuple(...LANES.map(() => lane));

function packetsOf(prefix: string, commands: readonly string[], cuts: readonly number[]): string[] {
  const all = `${commands.join("").replaceAll("@", prefix)}get end-of-program\r\n`;
  const places = [...new Set(cuts.map((cut) => cut % all.length))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => all.slice(from, places[i])).filter((packet) => packet !== "");
}

for (const sync of ["normal", "full"] as const) {
  test(`random programs of three connections at once, sync ${sync}`, async () => {
    await using folder = await temporaryFolder();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(program, async (lanes) => {
        const clock = new ManualClock();
        const rules = createRules({ maxItem: MAX_ITEM, expire: true });
        const kv = SqliteKv.open({ rules, clock, path: folder.at(`${sync}${runs++}.sqlite`), sync });
        await using ours = serveKv({ kv, clock, maxItem: MAX_ITEM, expire: true });
        await using oracle = serveKv({ clock, maxItem: MAX_ITEM, expire: true });
        const answers = (port: number) =>
          Promise.all(
            lanes.map(([commands, cuts], i) =>
              exchange(port, packetsOf(LANES[i] as string, commands, cuts), LAST),
            ),
          );
        await kv.execute([END_OF_PROGRAM]);
        await oracle.kv.execute([END_OF_PROGRAM]);
        const got = await answers(ours.port);
        expect(got).toEqual(await answers(oracle.port));
        for (const { text, closed } of got) expect([text.endsWith(LAST), closed]).toEqual([true, false]);
        // What it comes to is in the database too.
        expect(await kv.stats()).toMatchObject(await oracle.kv.stats());
      }),
      { numRuns: 100 },
    );
  }, 60_000);
}
