// What every kv adapter promises (see the contract in src/ports/kv.ts).

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createRules } from "../../src/domain/kv/rules.ts";
import type { Kv, Rules } from "../../src/ports/kv.ts";
import { type Command, type ItemCommand, isLocal } from "../../src/wire/memcached/commands.ts";
import { CommandParser } from "../../src/wire/memcached/parser.ts";
import type { Reply } from "../../src/wire/memcached/replies.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { plainBytes } from "../support/values.ts";

export interface KvSubject extends AsyncDisposable {
  open(options: { readonly rules: Rules; readonly clock: ManualClock }): Kv;
  /** Whether a store that was closed can be opened again with all that was acknowledged. */
  readonly durable: boolean;
}

export function kvSuite(name: string, prepare: () => Promise<KvSubject>): void {
  describe(`kv: ${name}`, () => {
    let subject: KvSubject;
    let clock: ManualClock;
    let kv: Kv;
    const open = () => subject.open({ rules: createRules({ expire: true }), clock });
    const reopen = async () => {
      await kv[Symbol.asyncDispose]();
      kv = open();
    };
    const reopenIf = (durable: boolean) => (durable ? reopen() : Promise.resolve());
    const run = async (...batch: ItemCommand[]) => replyTexts(await kv.execute(batch));

    beforeEach(async () => {
      subject = await prepare();
      clock = new ManualClock();
      kv = open();
    });
    afterEach(async () => {
      await kv[Symbol.asyncDispose]();
      await subject[Symbol.asyncDispose]();
    });

    test("a batch is answered in order, and sees its own writes", async () => {
      expect(await run(get("a"), set("a", "1"), get("a"), set("a", "22", 7), get("a"))).toEqual([
        "miss",
        "stored",
        "0:1",
        "stored",
        "7:22",
      ]);
    });

    test("reads alone are answered at once, writes after the commit", async () => {
      const written = kv.execute([set("a", "1")]);
      expect(written).toHaveProperty("then");
      await written;
      expect(kv.execute([get("a")])).toBeArray();
    });

    test("an answer can be awaited long after it has come", async () => {
      const first = kv.execute([set("a", "1")]);
      await kv.execute([set("b", "2")]);
      expect(replyTexts(await first)).toEqual(["stored"]);
    });

    test("batches given in one turn keep their order", async () => {
      const first = kv.execute([set("n", "1")]);
      const second = kv.execute([incr("n", 5n)]);
      const third = kv.execute([get("n"), incr("n", 1n)]);
      expect(replyTexts(await first)).toEqual(["stored"]);
      expect(replyTexts(await second)).toEqual(["6"]);
      expect(replyTexts(await third)).toEqual(["0:6", "7"]);
    });

    test("cas compares with the unique that gets told; every change gives a higher one", async () => {
      await run(set("a", "1"));
      const before = await kv.read("a");
      expect(await run(cas("a", "2", before?.cas ?? 0), cas("a", "3", before?.cas ?? 0))).toEqual([
        "stored",
        "exists",
      ]);
      const after = await kv.read("a");
      expect(after?.cas).toBeGreaterThan(before?.cas ?? Number.POSITIVE_INFINITY);
      expect(await run(cas("nope", "1", 1))).toEqual(["not-found"]);
    });

    test("removed and stored again, a key has a higher cas unique", async () => {
      await run(set("a", "1"));
      const before = await kv.read("a");
      await run({ kind: "delete", key: "a", noreply: false }, set("a", "1"));
      expect((await kv.read("a"))?.cas).toBeGreaterThan(before?.cas ?? Number.POSITIVE_INFINITY);
    });

    test("values hold any bytes, are empty, and are not the caller's buffer", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      const value = Buffer.from(bytes);
      await kv.execute([{ ...set("b", ""), value } as ItemCommand, set("z", "")]);
      value.fill(0);
      expect(new Uint8Array(plainBytes((await kv.read("b"))?.value))).toEqual(bytes);
      expect((await kv.read("z"))?.size).toBe(0);
    });

    test("keys hold any byte but space and line ends, and differ by case", async () => {
      const keys = ["\x01", "\x7f", "\x80", "\xff", "a", "A", "k".repeat(250)];
      await kv.execute(keys.map((key, i) => set(key, String(i))));
      expect(await run(...keys.map(get))).toEqual(keys.map((_, i) => `0:${i}`));
    });

    test("replies stop when the values found exceed the budget, and at least one is given", async () => {
      await run(set("a", "x".repeat(100)), set("b", "x".repeat(100)));
      expect(await kv.execute([get("a"), get("b"), get("a")], 150)).toHaveLength(2);
      expect(await kv.execute([get("a"), get("b")], 1)).toHaveLength(1);
      expect(await kv.execute([set("c", "1"), get("a"), set("c", "2")], 1)).toHaveLength(2);
      expect(await run(get("c"))).toEqual(["0:1"]);
    });

    test("scan pages through the keys in byte order, without values", async () => {
      const keys = Array.from({ length: 25 }, (_, i) => `p:${String.fromCharCode(0x21 + i * 8)}`);
      await kv.execute([set("o", "x"), set("q", "x"), ...keys.map((key) => set(key, "value", 3))]);
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await kv.scan({ prefix: "p:", limit: 10, ...(after === undefined ? {} : { after }) });
        for (const head of page.keys) {
          expect(head).toMatchObject({ size: 5, flags: 3, exptime: 0 });
          expect(head).not.toHaveProperty("value");
          seen.push(head.key);
        }
        after = page.next ?? undefined;
      } while (after !== undefined);
      expect(seen).toEqual(keys);
    });

    test("scan: no prefix, the highest prefix, an exact page, and one that matches nothing", async () => {
      await run(set("a", "1"), set("\xff", "1"), set("\xff\xff", "1"));
      const names = async (prefix: string, limit = 10) => {
        const { keys, next } = await kv.scan({ prefix, limit });
        return [keys.map(({ key }) => key), next];
      };
      expect(await names("")).toEqual([["a", "\xff", "\xff\xff"], null]);
      expect(await names("\xff")).toEqual([["\xff", "\xff\xff"], null]);
      expect(await names("", 3)).toEqual([["a", "\xff", "\xff\xff"], null]);
      expect(await names("b")).toEqual([[], null]);
    });

    test("stats follow every change", async () => {
      await run(set("a", "12345"), set("bb", "1"), set("a", "1"), {
        kind: "delete",
        key: "bb",
        noreply: false,
      });
      expect(await kv.stats()).toEqual({ items: 1, bytes: 2, totalItems: 3 });
      await run(flush(0));
      expect(await kv.stats()).toMatchObject({ items: 0, bytes: 0 });
    });

    test("flush_all with a delay takes effect at its time, and spares what is stored later", async () => {
      await run(set("a", "1"), flush(2), set("b", "1"));
      await clock.advance(1_999);
      expect(await run(get("a"), get("b"))).toEqual(["0:1", "0:1"]);
      await clock.advance(1);
      expect(await run(get("a"), set("c", "1"), get("b"))).toEqual(["miss", "stored", "miss"]);
      expect(await run(get("c"))).toEqual(["0:1"]);
      expect(await kv.stats()).toMatchObject({ items: 1 });
    });

    test("a flush_all that is due is seen by read, scan and stats alone", async () => {
      await run(set("a", "1"), flush(1));
      await clock.advance(1_000);
      expect(await kv.read("a")).toBeUndefined();
      await run(set("a", "1"), flush(1));
      await clock.advance(1_000);
      expect((await kv.scan({ prefix: "", limit: 1 })).keys).toEqual([]);
      await run(set("a", "1"), flush(1));
      await clock.advance(1_000);
      expect(await kv.stats()).toMatchObject({ items: 0 });
    });

    test("a later flush_all takes the place of one that waits", async () => {
      await run(set("a", "1"), flush(10), flush(100));
      await clock.advance(11_000);
      expect(await run(get("a"))).toEqual(["0:1"]);
      await run(flush(0), set("a", "2"));
      await clock.advance(100_000);
      expect(await run(get("a"))).toEqual(["0:2"]);
    });

    test("what was acknowledged, its cas, the stats and a waiting flush_all survive a restart", async () => {
      if (!subject.durable) return; // This adapter keeps nothing, by its first line.
      await run(set("a", "12345", 9), set("b", "1"));
      const before = await kv.read("a");
      await reopen();
      // When it was used is remembered as long as is cheap.
      expect({ ...(await kv.read("a")), accessed: 0 } as unknown).toEqual({ ...before, accessed: 0 });
      expect(await kv.stats()).toEqual({ items: 2, bytes: 8, totalItems: 0 });
      await run(set("c", "1"), flush(5));
      expect((await kv.read("c"))?.cas).toBeGreaterThan(before?.cas ?? Number.POSITIVE_INFINITY);
      await reopen();
      await clock.advance(5_000);
      expect(await run(get("a"))).toEqual(["miss"]);
    });

    test("an expired item is absent for every command and method, from its time on", async () => {
      await run(set("a", "1", 0, 2), set("b", "1", 0, 100), set("c", "1"));
      await clock.advance(1_999);
      expect(await run(get("a"))).toEqual(["0:1"]);
      expect((await kv.scan({ prefix: "", limit: 9 })).keys.map(({ key }) => key)).toEqual(["a", "b", "c"]);
      await clock.advance(1);
      expect(await run(get("a"), get("b"))).toEqual(["miss", "0:1"]);
      expect(await kv.read("a")).toBeUndefined();
      expect((await kv.scan({ prefix: "", limit: 1 })).keys.map(({ key }) => key)).toEqual(["b"]);
      expect(await run(incr("a", 1n), { kind: "delete", key: "a", noreply: false })).toEqual([
        "not-found",
        "not-found",
      ]);
      const again = { ...set("a", "2"), kind: "add" } as ItemCommand;
      expect(await run(again, get("a"))).toEqual(["stored", "0:2"]);
      expect(await kv.stats()).toMatchObject({ items: 3, bytes: 6 });
    });

    test("touch and gat move an expiry; a time in the past removes", async () => {
      await run(set("a", "1", 0, 2), touch("a", 10), set("b", "1", 0, 10));
      expect(await run({ kind: "gat", key: "b", exptime: 1, withCas: false, last: true })).toEqual(["0:1"]);
      await clock.advance(2_000);
      expect(await run(get("a"), get("b"))).toEqual(["0:1", "miss"]);
      expect(await run(touch("a", -1), get("a"), touch("a", 0))).toEqual(["touched", "miss", "not-found"]);
      expect(await run(set("c", "1"), set("c", "2", 0, -1), get("c"))).toEqual(["stored", "stored", "miss"]);
    });

    test("sweep removes expired items only, as many as it may, and corrects the totals", async () => {
      await kv.execute(Array.from({ length: 25 }, (_, i) => set(`k${i}`, "xyz", 0, i < 20 ? 5 : 0)));
      expect(await kv.sweep(100)).toBe(0);
      await clock.advance(5_000);
      expect(await kv.stats()).toMatchObject({ items: 25 });
      expect(await kv.sweep(15)).toBe(15);
      expect(await kv.sweep(15)).toBe(5);
      expect(await kv.stats()).toMatchObject({ items: 5, bytes: 5 * 6 });
      expect((await kv.scan({ prefix: "", limit: 100 })).keys).toHaveLength(5);
    });

    test("a read that wins a stale item is carried out as a write, from the beginning of its batch", async () => {
      await kv.execute(commandsOf("set a 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\nmd a I\r\n"));
      const batch = commandsOf("get b\r\nmg a v\r\nmg a v\r\nget b\r\n");
      const replies = await kv.execute(batch);
      expect(replyTexts(replies)).toEqual(["0:y", "HD:x X W", "HD:x Z X", "0:y"]);
      await reopenIf(subject.durable);
      expect(replyTexts(await kv.execute(commandsOf("mg a v\r\n")))).toEqual(["HD:x Z X"]);
    });

    test("a cas unique that a command names is kept, and leaves the order of the others", async () => {
      await kv.execute(commandsOf("set a 0 0 1\r\nx\r\nms b 1 E9007199254740991\r\ny\r\n"));
      expect((await kv.read("b"))?.cas).toBe(Number.MAX_SAFE_INTEGER);
      await run(set("c", "1"));
      expect((await kv.read("c"))?.cas).toBe(((await kv.read("a"))?.cas ?? 0) + 1);
    });

    test("exptime and state survive a restart", async () => {
      if (!subject.durable) return; // This adapter keeps nothing, by its first line.
      await run(set("a", "1", 0, 5));
      const before = await kv.read("a");
      await reopen();
      expect((await kv.read("a"))?.exptime).toBe(before?.exptime ?? 0);
      await clock.advance(5_000);
      expect(await run(get("a"))).toEqual(["miss"]);
      expect(await kv.sweep(10)).toBe(1);
    });

    test("closing answers what was given before", async () => {
      const last = kv.execute([set("a", "1")]);
      await kv[Symbol.asyncDispose]();
      expect(replyTexts(await last)).toEqual(["stored"]);
      kv = open();
    });
  });
}

export function set(key: string, value: string, flags = 0, exptime = 0): ItemCommand {
  return { kind: "set", key, flags, exptime, value: Buffer.from(value, "latin1"), cas: 0, noreply: false };
}

function touch(key: string, exptime: number): ItemCommand {
  return { kind: "touch", key, exptime, noreply: false };
}

export function get(key: string): ItemCommand {
  return { kind: "get", key, withCas: false, last: true };
}

function cas(key: string, value: string, unique: number): ItemCommand {
  return { ...set(key, value), kind: "cas", cas: unique } as ItemCommand;
}

function incr(key: string, delta: bigint): ItemCommand {
  return { kind: "incr", key, delta, noreply: false };
}

function flush(delay: number): ItemCommand {
  return { kind: "flush", delay, noreply: false };
}

/** The commands that a client would have sent so. */
export function commandsOf(text: string): ItemCommand[] {
  const commands: Command[] = [];
  new CommandParser({ maxValue: () => 1_024 }).parse(Buffer.from(text, "latin1"), 0, commands);
  return commands.map((command) => {
    if (isLocal(command)) throw new Error(`not for the store: ${JSON.stringify(command)}`);
    return command;
  });
}

/** Short forms to compare: a status, digits, or `flags:value`. */
export function replyTexts(replies: readonly Reply[]): string[] {
  return replies.map((reply) => {
    if (typeof reply === "string") return reply;
    if (reply.kind === "counted") return reply.digits;
    if (reply.kind === "meta") {
      return `${reply.code}:${plainBytes(reply.value).toString("latin1")} ${reply.marks ?? ""}`.trim();
    }
    return `${reply.flags}:${plainBytes(reply.value).toString("latin1")}`;
  });
}
