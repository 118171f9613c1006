// What every kv adapter promises of values that come in pieces (see `Spool` in src/ports/kv.ts).

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createRules } from "../../src/domain/kv/rules.ts";
import type { Kv } from "../../src/ports/kv.ts";
import type { ItemCommand, StoreVerb } from "../../src/wire/memcached/commands.ts";
import type { Reply } from "../../src/wire/memcached/replies.ts";
import { isSpooled, type SpooledValue } from "../../src/wire/memcached/spooled.ts";
import { failureOf } from "../support/failure.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { bytesOf } from "../support/values.ts";
import { commandsOf, get, type KvSubject, replyTexts, set } from "./kv.suite.ts";

/** Joined values above it are made outside of memory. */
const SPOOL_FROM = 1_000;

export function kvLargeSuite(name: string, prepare: () => Promise<KvSubject>): void {
  describe(`kv, large values: ${name}`, () => {
    let subject: KvSubject;
    let clock: ManualClock;
    let kv: Kv;
    const rules = createRules({ expire: true, maxItem: 1_000_000, spoolFrom: SPOOL_FROM });
    const open = () => subject.open({ rules, clock });
    const run = async (...batch: ItemCommand[]) => await kv.execute(batch);
    const stored = async (key: string) => (await bytesOf((await kv.read(key))?.value)).toString("latin1");
    const spoolAnd = (value: string, kind: StoreVerb, key: string, rest: Partial<ItemCommand> = {}) =>
      spoolTo(kv, value, (spooled) => ({ ...storing(kind, key, spooled), ...rest }) as ItemCommand);

    beforeEach(async () => {
      subject = await prepare();
      clock = new ManualClock();
      kv = open();
    });
    afterEach(async () => {
      await kv[Symbol.asyncDispose]();
      await subject[Symbol.asyncDispose]();
    });

    test("a value comes in pieces, is stored by a command, and counts with its size", async () => {
      expect(await spoolAnd("hello large world", "set", "a")).toBe("stored");
      expect(await textOf(await run(get("a")))).toEqual(["0:hello large world"]);
      expect(await kv.stats()).toEqual({ items: 1, bytes: 18, totalItems: 1 });
      expect((await kv.scan({ prefix: "", limit: 9 })).keys).toMatchObject([{ key: "a", size: 17 }]);
      expect(await kv.read("a")).toMatchObject({ size: 17 });
    });

    test("one that is empty, or of one piece, or of many", async () => {
      const many = Array.from({ length: 300 }, (_, i) => `piece ${i}, `).join("");
      for (const value of ["", "x", many]) {
        await spoolAnd(value, "set", "a");
        expect(await stored("a")).toBe(value);
      }
    });

    test("what has not the declared length, or is never stored, leaves nothing", async () => {
      {
        await using spool = await kv.spool(5);
        await spool.write([Buffer.from("1234")]);
        expect(await failureOf(spool.finish())).toMatchObject({ code: "invalid" });
      }
      {
        await using spool = await kv.spool(4);
        await spool.write([Buffer.from("12"), Buffer.from("34")]);
        await spool.finish();
      }
      expect(await kv.stats()).toEqual({ items: 0, bytes: 0, totalItems: 0 });
    });

    test("add, replace and cas are decided as of small values", async () => {
      expect(await spoolAnd("one", "replace", "a")).toBe("not-stored");
      expect(await spoolAnd("one", "add", "a")).toBe("stored");
      expect(await spoolAnd("two", "add", "a")).toBe("not-stored");
      const { cas = 0 } = (await kv.read("a")) ?? {};
      expect(await spoolAnd("three", "cas", "a", { cas: cas + 9 })).toBe("exists");
      expect(await stored("a")).toBe("one");
      expect(await spoolAnd("four", "cas", "a", { cas })).toBe("stored");
      expect(await spoolAnd("five", "cas", "b", { cas })).toBe("not-found");
      expect(await stored("a")).toBe("four");
    });

    test("ms stores one, and mg tells of it with its value and without", async () => {
      const [head] = commandsOf("ms m 2 F7\r\nxx\r\n");
      const reply = await spoolTo(kv, "meta", (value) => ({ ...head, value }) as ItemCommand);
      expect(reply).toMatchObject({ code: "HD", facts: { size: 4 } });
      const [found] = await kv.execute(commandsOf("mg m s v f\r\n"));
      expect(found).toMatchObject({ kind: "found", flags: 7, value: { length: 4 } });
      expect(await kv.execute(commandsOf("mg m v s t\r\n"))).toMatchObject([
        { code: "HD", facts: { size: 4 } },
      ]);
      expect(await textOf([found as Reply])).toEqual(["7:meta"]);
      expect(await kv.execute(commandsOf("mg m s\r\n"))).toMatchObject([{ facts: { size: 4 } }]);
      expect(await kv.execute(commandsOf("me m\r\n"))).toMatchObject([{ code: "ME", facts: { size: 4 } }]);
    });

    test("touch, gat and an invalidation keep the value", async () => {
      await spoolAnd("kept", "set", "a");
      const touched = await run({ kind: "touch", key: "a", exptime: 10, noreply: false });
      expect(touched).toEqual(["touched"]);
      const gat: ItemCommand = { kind: "gat", key: "a", exptime: 20, withCas: true, last: true };
      expect(await textOf(await run(gat))).toEqual(["0:kept"]);
      await kv.stats();
      expect(await kv.execute(commandsOf("md a I T30\r\n"))).toMatchObject([{ code: "HD" }]);
      await kv.stats();
      expect(await textOf(await kv.execute(commandsOf("mg a v\r\n")))).toEqual(["0:kept"]);
      await clock.advance(30_000);
      expect(await run(get("a"))).toEqual(["miss"]);
      expect(await kv.sweep(10)).toBe(1);
      expect(await kv.stats()).toMatchObject({ items: 0, bytes: 0 });
    });

    test("incr and decr find no number in one", async () => {
      await spoolAnd("1".repeat(2_000), "set", "a");
      expect(await run({ kind: "incr", key: "a", delta: 1n, noreply: false })).toEqual(["not-numeric"]);
      expect(await kv.execute(commandsOf("ma a\r\n"))).toEqual(["not-numeric"]);
    });

    test("append and prepend join large and small, up to the limit", async () => {
      const long = "0123456789".repeat(120);
      await run(set("a", "small,", 3), set("b", "small,"));
      expect(await spoolAnd(long, "append", "a")).toBe("stored");
      expect(await stored("a")).toBe(`small,${long}`);
      expect(await run(storing("prepend", "a", Buffer.from("first,")))).toEqual(["stored"]);
      expect(await stored("a")).toBe(`first,small,${long}`);
      expect(await spoolAnd(long, "prepend", "a")).toBe("stored");
      expect(await stored("a")).toBe(`${long}first,small,${long}`);
      expect(await kv.read("a")).toMatchObject({ flags: 3, size: 2_412 });
      // Two small ones of which the sum is large.
      await run(set("c", "x".repeat(900)));
      expect(await run(storing("append", "c", Buffer.alloc(900, "y")))).toEqual(["stored"]);
      expect(await stored("c")).toBe("x".repeat(900) + "y".repeat(900));
      const [meta] = await kv.execute(commandsOf("ms a 3 MA\r\nend\r\n"));
      expect(meta).toMatchObject({ code: "HD" });
      expect(await stored("a")).toBe(`${long}first,small,${long}end`);
      expect(await spoolAnd("z".repeat(999_000), "append", "a")).toBe("not-stored");
      expect(await spoolAnd(long, "append", "nothing")).toBe("not-stored");
      expect(await kv.stats()).toMatchObject({ items: 3, bytes: 3 + 2_415 + 6 + 1_800 });
    });

    test("what is appended at once by many is there once each", async () => {
      const base = "b".repeat(1_500);
      await spoolAnd(base, "set", "a");
      const words = Array.from({ length: 8 }, (_, i) => `<${i}>`);
      const replies = await Promise.all(words.map((word) => run(storing("append", "a", Buffer.from(word)))));
      expect(replies.flat()).toEqual(words.map(() => "stored"));
      const end = (await stored("a")).slice(base.length);
      expect(Array.from(end.matchAll(/<\d>/g), ([word]) => word).sort()).toEqual(words);
    });

    test("an append that waits while its item is replaced is made of the new one", async () => {
      await spoolAnd("o".repeat(1_500), "set", "a");
      const appended = run(storing("append", "a", Buffer.from("!")));
      const replaced = run(set("a", "n".repeat(1_200)));
      expect([await appended, await replaced]).toEqual([["stored"], ["stored"]]);
      expect(["n".repeat(1_200), `${"n".repeat(1_200)}!`].includes(await stored("a"))).toBe(true);
      const removed = run({ kind: "delete", key: "a", noreply: false });
      const late = run(storing("append", "a", Buffer.alloc(2_000)));
      expect([await removed, await late]).toEqual([["deleted"], ["not-stored"]]);
    });

    test("a value that was opened is read to its end, whatever becomes of the item", async () => {
      const value = "v".repeat(5_000);
      for (const end of [
        () => run(set("a", "small")),
        () => run({ kind: "delete", key: "a", noreply: false }),
        () => run({ kind: "flush", delay: 0, noreply: false }),
        () => spoolAnd("other", "set", "a"),
      ]) {
        await spoolAnd(value, "set", "a");
        const found = (await kv.read("a"))?.value as SpooledValue | Uint8Array;
        const opened = isSpooled(found) ? found.open() : undefined;
        await end();
        // The fold is what removes files.
        await kv.stats();
        if (!opened) continue;
        const into = Buffer.alloc(5_000);
        expect(await opened.read(0, into)).toBe(5_000);
        expect(into.toString()).toBe(value);
        opened.close();
        opened.close();
      }
    });

    test("a call gives out one at most, with what was found before it", async () => {
      await spoolAnd("large one", "set", "a");
      await spoolAnd("large two", "set", "b");
      await run(set("s", "1"));
      const replies = await kv.execute([get("s"), get("a"), get("b"), get("s")], 5);
      expect(await textOf(replies)).toEqual(["0:1", "0:large one"]);
    });

    test("survives a restart, in the table and in the journal", async () => {
      if (!subject.durable) return; // This adapter keeps nothing, by its first line.
      await spoolAnd("in the table", "set", "a");
      await kv.stats();
      await spoolAnd("in the journal", "set", "b");
      await kv[Symbol.asyncDispose]();
      kv = open();
      expect([await stored("a"), await stored("b")]).toEqual(["in the table", "in the journal"]);
      expect(await kv.stats()).toMatchObject({ items: 2, bytes: 28 });
    });
  });
}

/** `make`: the command that stores it. */
export async function spoolTo(
  kv: Kv,
  value: string | Uint8Array,
  make: (value: SpooledValue) => ItemCommand,
): Promise<Reply | undefined> {
  const bytes = Buffer.from(value as string);
  await using spool = await kv.spool(bytes.length);
  for (let at = 0; at < bytes.length; at += 1_000) await spool.write([bytes.subarray(at, at + 1_000)]);
  const [reply] = await kv.execute([make(await spool.finish())]);
  return reply;
}

export function storing(kind: StoreVerb, key: string, value: SpooledValue | Uint8Array): ItemCommand {
  return { kind, key, flags: 0, exptime: 0, value, cas: 0, noreply: false };
}

/** As `replyTexts`, of replies that carry handles. */
async function textOf(replies: readonly Reply[]): Promise<string[]> {
  const texts: string[] = [];
  for (const reply of replies) {
    if (typeof reply === "string" || reply.kind === "counted") texts.push(replyTexts([reply])[0] as string);
    else {
      const flags = reply.kind === "found" ? reply.flags : (reply.facts?.flags ?? 0);
      texts.push(`${flags}:${(await bytesOf(reply.value)).toString("latin1")}`);
    }
  }
  return texts;
}
