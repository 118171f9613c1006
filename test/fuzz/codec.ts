// Fuzzes the memcached codec: hostile pipelines in random packets, through parser, rules and encoder, on a memory store.

import { MemoryKv } from "../../src/adapters/memory/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { AuthGate } from "../../src/wire/memcached/auth-gate.ts";
import { type Command, type ItemCommand, isLocal } from "../../src/wire/memcached/commands.ts";
import { ReplyBuffer } from "../../src/wire/memcached/encoder.ts";
import { CommandParser } from "../../src/wire/memcached/parser.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Random } from "./random.ts";

export interface FuzzResult {
  /** Command lines and blocks, whole, broken or torn. */
  readonly inputs: number;
  readonly bytes: number;
  readonly commands: number;
  readonly replyBytes: number;
  /** Of the most a parser and a reply buffer held. */
  readonly mostCommands: number;
}

const WORDS = [
  ..."get gets gat gats set add replace append prepend cas incr decr delete touch flush_all mg ms md ma me mn".split(
    " ",
  ),
  ..."stats version verbosity quit lru_crawler metadump mgdump all items reset cachedump noreply bget".split(
    " ",
  ),
  ..."a b key n 0 1 -1 5 17 30 250 2592001 4294967295 4294967296 2147483645 2147483647 18446744073709551615".split(
    " ",
  ),
  ..."v k q b c f h l s t u I x N0 N30 T0 T-1 R30 MA MP ME MR MS M+ MD MZ J5 D9 C1 E7 F3 Oabc O YWI= !! S".split(
    " ",
  ),
];
/** Every pipeline is as long as a client's packet might be. */
const PIECES = 24;
const MOST_COMMANDS = 600;

/** Throws at the first defect: an exception, a parser that stands still, a batch or an answer without bound. */
export function fuzzCodec(inputs: number, seed: number): FuzzResult {
  const random = new Random(seed);
  const clock = new ManualClock();
  const kv = new MemoryKv({ rules: createRules({ maxItem: 4_096, expire: true }), clock });
  const out = new ReplyBuffer();
  const result = { inputs: 0, bytes: 0, commands: 0, replyBytes: 0, mostCommands: 0 };
  while (result.inputs < inputs) {
    const text = Array.from({ length: PIECES }, () => piece(random)).join("");
    const bytes = Buffer.from(text, "latin1");
    const parser = random.below(20) === 0 ? new AuthGate() : new CommandParser({ maxValue: () => 1_000 });
    feed(parser, bytes, random, (batch) => {
      result.commands += batch.length;
      result.mostCommands = Math.max(result.mostCommands, batch.length);
      result.replyBytes += answer(batch, kv, out);
    });
    result.inputs += PIECES;
    result.bytes += bytes.length;
    clock.jump(random.below(2_000));
  }
  return result;
}

interface Parser {
  parse(chunk: Buffer, from: number, into: Command[]): number;
}

function feed(
  parser: Parser,
  bytes: Buffer,
  random: Random,
  take: (batch: readonly Command[]) => void,
): void {
  let from = 0;
  while (from < bytes.length) {
    const length = random.below(4) === 0 ? 1 + random.below(4) : 1 + random.below(bytes.length);
    const packet = Buffer.from(bytes.subarray(from, from + length));
    from += packet.length;
    let at = 0;
    while (at < packet.length) {
      const batch: Command[] = [];
      const next = parser.parse(packet, at, batch);
      if (next < at || next > packet.length || (next === at && batch.length === 0)) {
        throw new Error(`the parser went from ${at} to ${next} of ${packet.length}`);
      }
      if (batch.length > MOST_COMMANDS) throw new Error(`a batch of ${batch.length} commands`);
      at = next;
      take(batch);
    }
  }
}

/** Bytes answered. */
function answer(batch: readonly Command[], kv: MemoryKv, out: ReplyBuffer): number {
  out.clear();
  const run: ItemCommand[] = [];
  for (const command of batch) {
    if (!isLocal(command)) run.push(command);
    else if (command.kind === "line" && !command.noreply) out.line(command.text);
  }
  // The memory store carries a batch out before it returns; what it promises is only how it answers.
  const replies: unknown = run.length > 0 ? (Bun.peek(kv.execute(run) as Promise<never>) as unknown) : [];
  if (!Array.isArray(replies)) throw new Error("the memory store did not answer at once");
  for (const [i, reply] of replies.entries()) out.reply(run[i] as ItemCommand, reply);
  if (out.length > 8_000_000) throw new Error(`${out.length} bytes answered to one batch`);
  return out.length;
}

function piece(random: Random): string {
  const kind = random.below(16);
  if (kind < 3) return block(random);
  if (kind === 3) return junk(random, 1 + random.below(40));
  const words = Array.from({ length: 1 + random.below(kind === 4 ? 30 : 7) }, () => word(random));
  const end = ["\r\n", "\r\n", "\r\n", "\n", "\r", ""][random.below(6)] ?? "";
  return words.join(random.below(30) === 0 ? "  " : " ") + end;
}

/** A store with its block, whose length is right most of the time. */
function block(random: Random): string {
  const value = junk(random, random.below(12) === 0 ? random.below(3_000) : random.below(12));
  const length = random.below(12) === 0 ? random.below(20) : value.length;
  const verb = ["set", "add", "append", "cas", "ms", "ms", "ms"][random.below(7)] ?? "set";
  const key = word(random);
  const flags = Array.from({ length: random.below(4) }, () => word(random)).join(" ");
  const line =
    verb === "ms"
      ? `ms ${key} ${length} ${flags}`
      : `${verb} ${key} ${random.below(9)} ${random.below(4)} ${length}${verb === "cas" ? " 1" : ""}`;
  return `${line}\r\n${value}\r\n`;
}

function word(random: Random): string {
  const dice = random.below(40);
  if (dice === 0) return "k".repeat(random.below(600));
  if (dice === 1) return junk(random, random.below(8));
  return WORDS[random.below(WORDS.length)] ?? "";
}

function junk(random: Random, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(random.below(256));
  return text;
}
