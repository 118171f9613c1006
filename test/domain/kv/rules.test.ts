// Rules that a conversation with one server does not show: limits by key and flags, times, what needs a value.

import { describe, expect, test } from "bun:test";
import { largestValue } from "../../../src/domain/kv/limits.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { WON } from "../../../src/domain/kv/state.ts";
import type { Item } from "../../../src/ports/kv.ts";
import type { Command, KeyCommand } from "../../../src/wire/memcached/commands.ts";
import { CommandParser } from "../../../src/wire/memcached/parser.ts";

const DAY = 86_400_000;
const item: Item = {
  flags: 3,
  exptime: 0,
  cas: 9,
  size: 2,
  state: 0,
  accessed: 0,
  fetched: false,
  value: Buffer.from("10"),
};

describe("rules", () => {
  test("the largest value is memcached's, measured on 1.6.18", () => {
    expect(largestValue(1_048_576, 1, 0)).toBe(1_048_516);
    expect(largestValue(1_048_576, 1, 7)).toBe(1_048_512);
    expect(largestValue(1_048_576, 250, 0)).toBe(1_048_267);
    expect(largestValue(64, 250, 0)).toBe(0);
  });

  test("flush_all: at once, relative up to 30 days, absolute above", () => {
    const { flushAt } = createRules();
    const now = 1_800_000_000_000;
    expect(flushAt(0, now)).toBe(now);
    expect(flushAt(-5, now)).toBe(now);
    expect(flushAt(60, now)).toBe(now + 60_000);
    expect(flushAt(30 * 86_400, now)).toBe(now + 30 * DAY);
    expect(flushAt(1_800_000_100, now)).toBe(now + 100_000);
    expect(flushAt(30 * 86_400 + 1, now)).toBeLessThan(now);
  });

  test("a command that needs no value decides without one", () => {
    const rules = createRules();
    const set: KeyCommand = {
      kind: "set",
      key: "a",
      flags: 0,
      exptime: 5,
      value: Buffer.from("x"),
      cas: 0,
      noreply: false,
    };
    const blind = { ...item, value: new Uint8Array(0) };
    const commands: KeyCommand[] = [
      set,
      { ...set, kind: "add" },
      { ...set, kind: "cas", cas: 9 },
      { kind: "delete", key: "a", noreply: false },
      { kind: "touch", key: "a", exptime: 5, noreply: false },
      { kind: "too-large", verb: "set", key: "a", noreply: false },
    ];
    for (const command of commands) {
      expect(rules.needsValue(command)).toBe(false);
      expect(rules.decide(command, blind, 0, 10)).toEqual(rules.decide(command, item, 0, 10));
    }
    expect(rules.needsValue({ ...set, kind: "append" })).toBe(true);
    expect(rules.needsValue({ kind: "incr", key: "a", delta: 1n, noreply: false })).toBe(true);
  });

  test("of an item without a state, a plain command is answered what a get is", () => {
    const rules = createRules();
    const meta = (flags: string) => commandOf(`mg a ${flags}\r\n`);
    const get = commandOf("get a\r\n");
    const found = rules.decide(get, item, 0, 10);
    expect(found).toMatchObject({ reply: { kind: "found" }, fetch: true });
    for (const plain of [get, meta("v"), meta("v f c s k O12 q")]) {
      expect(rules.isPlain(plain)).toBe(true);
      expect(rules.decide(plain, item, 0, 10)).toEqual(found);
    }
    for (const other of [
      meta(""),
      meta("k"),
      meta("v t"),
      meta("v u"),
      meta("v T9"),
      commandOf("md a\r\n"),
    ]) {
      expect(rules.isPlain(other)).toBe(false);
    }
    expect(rules.decide(meta("v"), { ...item, state: WON }, 0, 10)).toMatchObject({
      reply: { kind: "meta", marks: "Z" },
    });
  });

  test("append and prepend keep the item's flags and stay below the limit", () => {
    const rules = createRules({ maxItem: 59 + 1 + 4 + 3 });
    const append: KeyCommand = {
      kind: "append",
      key: "a",
      flags: 8,
      exptime: 0,
      value: Buffer.from("x"),
      cas: 0,
      noreply: false,
    };
    expect(rules.decide(append, item, 0, 10).change).toMatchObject({
      kind: "put",
      flags: 3,
      value: new Uint8Array(Buffer.from("10x")),
    });
    expect(rules.decide({ ...append, value: Buffer.from("xy") }, item, 0, 10)).toEqual({
      reply: "not-stored",
    });
  });
});

function commandOf(line: string): KeyCommand {
  const into: Command[] = [];
  new CommandParser({ maxValue: () => 1_000 }).parse(Buffer.from(line), 0, into);
  return into[0] as KeyCommand;
}
