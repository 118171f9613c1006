// Replies as bytes: what is written the short way is what the long way writes.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Command, MetaGet } from "../../../src/wire/memcached/commands.ts";
import { ReplyBuffer } from "../../../src/wire/memcached/encoder.ts";
import { CommandParser } from "../../../src/wire/memcached/parser.ts";
import type { Reply } from "../../../src/wire/memcached/replies.ts";

function metaGet(line: string): MetaGet {
  const into: Command[] = [];
  new CommandParser({ maxValue: () => 1_000 }).parse(Buffer.from(`${line}\r\n`), 0, into);
  return into[0] as MetaGet;
}

function written(command: MetaGet, reply: Reply): string {
  const out = new ReplyBuffer();
  out.reply(command, reply);
  return out.bytes.toString("latin1", 0, out.end);
}

test("a plain meta get is told the same by `found` as by all facts of the item", () => {
  const unsigned = fc.oneof(fc.constantFrom(0, 9, 10, 4_294_967_295), fc.nat());
  fc.assert(
    fc.property(
      fc.shuffledSubarray(["v", "s", "f", "c", "k", "O", "Oxyz", "q"]),
      fc.constantFrom("a", "k".repeat(250)),
      unsigned,
      fc.maxSafeNat(),
      fc.integer({ min: 0, max: 500 }),
      (letters, key, flags, cas, size) => {
        const unique = letters.filter((letter) => letter !== "O" || !letters.includes("Oxyz"));
        const command = metaGet(["mg", key, ...unique].join(" "));
        const value = new Uint8Array(size).fill(120);
        expect(command.meta.plain).toBe(letters.includes("v"));
        if (!command.meta.plain) return;
        const facts = { flags, cas, size, ttl: 5, idle: 3, hit: true, binaryKey: false };
        expect(written(command, { kind: "found", flags, cas, value })).toBe(
          written(command, { kind: "meta", code: "HD", value, facts, marks: "" }),
        );
      },
    ),
  );
});

test("what asks for more than the head, or changes something, is not plain", () => {
  for (const flags of ["", "k", "v t", "v l", "v h", "v u", "v T60", "v N5", "v R9", "v b"]) {
    expect(metaGet(`mg YmI= ${flags}`).meta.plain).toBe(false);
  }
});
