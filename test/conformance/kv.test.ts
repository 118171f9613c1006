// The kv suite against every adapter, and random programs on SQLite with the memory adapter as the oracle.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { MemoryKv } from "../../src/adapters/memory/kv.ts";
import { checkKv } from "../../src/adapters/sqlite/kv/check.ts";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import type { Kv } from "../../src/ports/kv.ts";
import type { ItemCommand, StoreVerb } from "../../src/wire/memcached/commands.ts";
import type { Reply } from "../../src/wire/memcached/replies.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";
import { bytesOf, plainBytes } from "../support/values.ts";
import { commandsOf, type KvSubject, kvSuite } from "./kv.suite.ts";
import { kvLargeSuite } from "./kv-large.suite.ts";

const memory = async (): Promise<KvSubject> => ({
  durable: false,
  open: (options) => new MemoryKv(options),
  [Symbol.asyncDispose]: async () => undefined,
});
kvSuite("memory", memory);
kvLargeSuite("memory", memory);

for (const sync of ["full", "normal"] as const) {
  const sqlite = async (): Promise<KvSubject> => {
    const folder = await temporaryFolder();
    return {
      durable: true,
      open: (options) => SqliteKv.open({ ...options, path: folder.at("kv.sqlite"), sync }),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  };
  kvSuite(`sqlite, sync ${sync}`, sqlite);
  kvLargeSuite(`sqlite, sync ${sync}`, sqlite);
}

const key = fc.constantFrom("a", "b", "ab", "\xff", "n");
const value = fc.oneof(
  fc.constantFrom("", "0", "9", "10", "18446744073709551615", "5 x", "word", "y".repeat(900)),
  fc.string({ maxLength: 30 }),
);
/** A flag once each, in any order. */
const flags = (all: readonly string[]) =>
  fc.shuffledSubarray([...all]).map((some) => some.map((flag) => ` ${flag}`).join(""));
const ttls = (letter: string) => [0, 1, 60, -1].map((ttl) => `${letter}${ttl}`);
const told = ["s", "t", "f", "c", "k", "q", "v", "u", "O1"];
/** A meta command line, with its block; `C` may be right, for the uniques count up from 1. */
const metaText = fc.oneof(
  fc.tuple(key, flags([...told, "R60", "T5", "N5", "E40"])).map(([k, f]) => `mg ${k}${f}`),
  fc
    .tuple(
      key,
      value,
      fc.nat(20),
      flags([...told, "F3", "T5", "I", "N60", "E41"]),
      fc.constantFrom("", "E", "A", "P", "R"),
    )
    .map(([k, v, c, f, m]) => `ms ${k} ${v.length}${f}${m && ` M${m}`}${c < 8 ? ` C${c}` : ""}\r\n${v}`),
  fc
    .tuple(key, fc.nat(20), flags([...told, "I", "x", "T5", "F2"]))
    .map(([k, c, f]) => `md ${k}${f}${c < 8 ? ` C${c}` : ""}`),
  fc
    .tuple(
      key,
      fc.constantFrom(...ttls("N"), ...ttls("T"), "MD", "D5", "J7"),
      flags(["t", "c", "v", "k", "q"]),
    )
    .map(([k, one, f]) => `ma ${k} ${one}${f}`),
  key.map((k) => `me ${k}`),
);
const meta = metaText.map((text): ItemCommand => commandsOf(`${text}\r\n`)[0] as ItemCommand);
const step = fc.oneof(
  { weight: 8, arbitrary: meta },
  { weight: 4, arbitrary: key.map((k): ItemCommand => ({ kind: "get", key: k, withCas: true, last: true })) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        fc.constantFrom<StoreVerb>("set", "add", "replace", "append", "prepend", "cas"),
        key,
        value,
        fc.nat(3),
        fc.nat(30),
        fc.constantFrom(0, 0, 1, 60, -1),
      )
      .map(
        ([kind, k, text, flags, cas, exptime]): ItemCommand => ({
          kind,
          key: k,
          flags,
          exptime,
          value: Buffer.from(text),
          cas,
          noreply: false,
        }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom<"incr" | "decr">("incr", "decr"),
        key,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      )
      .map(([kind, k, delta]): ItemCommand => ({ kind, key: k, delta, noreply: false })),
  },
  key.map((k): ItemCommand => ({ kind: "delete", key: k, noreply: false })),
  fc
    .tuple(key, fc.constantFrom(0, 1, 60, -1))
    .map(([k, exptime]): ItemCommand => ({ kind: "touch", key: k, exptime, noreply: false })),
  fc
    .tuple(key, fc.constantFrom(0, 1, 60, -1))
    .map(([k, exptime]): ItemCommand => ({ kind: "gat", key: k, exptime, withCas: true, last: true })),
  key.map((k): ItemCommand => ({ kind: "too-large", verb: "set", key: k, noreply: false })),
  fc.constantFrom(0, 3).map((delay): ItemCommand => ({ kind: "flush", delay, noreply: false })),
);
/** A batch, then how many ms pass. */
const program = fc.array(
  fc.tuple(fc.array(step, { minLength: 1, maxLength: 6 }), fc.constantFrom(0, 0, 0, 2_000)),
  {
    maxLength: 12,
  },
);

test("random programs leave SQLite and memory the same", async () => {
  await using folder = await temporaryFolder();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(program, async (batches) => {
      const clock = new ManualClock();
      const options = { rules: createRules({ maxItem: 1_024, expire: true }), clock };
      await using oracle = new MemoryKv(options);
      await using kv = SqliteKv.open({ ...options, path: folder.at(`${runs++}.sqlite`), sync: "normal" });
      for (const [batch, ms] of batches) {
        // What the program stands on: the replies of the same batch, to the byte.
        expect(plain(await kv.execute(batch))).toEqual(plain(await oracle.execute(batch)));
        clock.jump(ms);
      }
      expect(await kv.stats()).toEqual(await oracle.stats());
      const all = { prefix: "", limit: 100 };
      // What is remembered of fetches differs by adapter.
      const heads = async (store: Kv) =>
        (await store.scan(all)).keys.map(({ accessed: _, fetched: __, ...head }) => head);
      expect(await heads(kv)).toEqual(await heads(oracle));
      expect(await kv.sweep(100)).toBe(await oracle.sweep(100));
      expect(await kv.stats()).toEqual(await oracle.stats());
    }),
    { numRuns: 60 },
  );
}, 30_000);

test("random programs with values around the limit of what is spooled do too", async () => {
  await using folder = await temporaryFolder();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(program, fc.infiniteStream(fc.boolean()), async (batches, spools) => {
      const clock = new ManualClock();
      const options = { rules: createRules({ maxItem: 3_000, spoolFrom: 500, expire: true }), clock };
      await using oracle = new MemoryKv(options);
      const path = folder.at(`${runs++}.sqlite`);
      await using kv = SqliteKv.open({ ...options, path, sync: "normal" });
      for (const [batch, ms] of batches) {
        const [spooled] = spools;
        for (const commands of spooled ? batch.map((one) => [one]) : [batch]) {
          expect(await carryOut(kv, commands, spooled)).toEqual(await carryOut(oracle, commands, spooled));
        }
        if (spooled) await kv.stats();
        clock.jump(ms);
      }
      expect(await kv.stats()).toEqual(await oracle.stats());
      const { keys } = await oracle.scan({ prefix: "", limit: 100 });
      for (const { key } of keys) {
        expect(await bytesOf((await kv.read(key))?.value)).toEqual(
          await bytesOf((await oracle.read(key))?.value),
        );
      }
      // Each file is one that an item has.
      await kv.stats();
      await until("no file is left over", () => checkKv(path).values.unlisted === 0);
    }),
    { numRuns: 40 },
  );
}, 60_000);

/** All of a batch, as a door does it: what was not answered is given again. `spooled`: what is stored comes in pieces, not empty or a number. */
async function carryOut(kv: Kv, batch: readonly ItemCommand[], spooled = false): Promise<unknown[]> {
  const [first] = batch;
  if (spooled && first && "value" in first && first.value.length > 21) {
    const { length } = first.value;
    await using spool = await kv.spool(length);
    await spool.write([plainBytes(first.value).subarray(0, 9), plainBytes(first.value).subarray(9)]);
    const replies = await kv.execute([{ ...first, value: await spool.finish() }]);
    return await withBytes(replies);
  }
  const replies: unknown[] = [];
  while (replies.length < batch.length) {
    replies.push(...(await withBytes(await kv.execute(batch.slice(replies.length)))));
  }
  return replies;
}

async function withBytes(replies: readonly Reply[]): Promise<unknown[]> {
  const read = replies.map(async (reply) => {
    if (typeof reply === "string" || reply.kind === "counted" || reply.value === undefined) return reply;
    return { ...reply, value: await bytesOf(reply.value) };
  });
  return plain((await Promise.all(read)) as Reply[]) as unknown[];
}

function plain(replies: readonly Reply[]): unknown {
  return replies.map((reply) => {
    if (typeof reply === "string" || reply.kind === "counted") return reply;
    const value = reply.value && plainBytes(reply.value).toString("hex");
    if (reply.kind === "found") return { ...reply, value };
    // What is remembered of fetches differs by adapter.
    return { ...reply, value, facts: reply.facts && { ...reply.facts, idle: 0, hit: false } };
  });
}
