// The line of a meta command: `mg`, `ms`, `md`, `ma` or `me`, their keys, and what is wrong with them.

import type { Command, MetaStoreMode, RefusedHead, StoreHead } from "./commands.ts";
import { BAD_KEY, decodeKey, type MetaFlags, readMetaFlags } from "./meta-flags.ts";
import { readInteger } from "./numbers.ts";

const BAD_FORMAT = "CLIENT_ERROR bad command line format";
const BAD_FLAG = "CLIENT_ERROR invalid or duplicate flag";
const LONGEST_KEY = 250;
const LARGEST_BLOCK = 2_147_483_645;
/** Of a line, the command and its key included. */
const MOST_TOKENS = 19;

const STORE_MODES: Readonly<Record<string, MetaStoreMode>> = {
  "": "set",
  S: "set",
  E: "add",
  A: "append",
  P: "prepend",
  R: "replace",
};
const COUNT_MODES: Readonly<Record<string, "incr" | "decr">> = {
  "": "incr",
  I: "incr",
  "+": "incr",
  D: "decr",
  "-": "decr",
};

/** A tokenized line: `tokens` holds the start and end of each of its first 24 tokens, `count` counts them all. */
export interface TokenizedLine {
  readonly bytes: Buffer;
  readonly tokens: Int32Array;
  readonly count: number;
}

export type MetaName = "mg" | "ms" | "md" | "ma" | "me";

/** Appends the command or an error to `into`, or returns what is to be done with the block of an `ms`. */
export function readMeta(
  name: MetaName,
  line: TokenizedLine,
  into: Command[],
): StoreHead | RefusedHead | undefined {
  const { count } = line;
  if (count < 2) return say(into, name === "me" ? BAD_FORMAT : "ERROR");
  if (lengthOf(line, 1) > LONGEST_KEY) return say(into, BAD_FORMAT);
  if (name === "me") return readDebug(line, into);
  if (name === "ms") return readStore(line, into);
  if (count > MOST_TOKENS) {
    return say(
      into,
      name === "mg" ? "CLIENT_ERROR options flags are too long" : "CLIENT_ERROR options flags too long",
    );
  }
  const found = keyed(line, 2);
  if (typeof found === "string") {
    const told = name === "mg" || found.startsWith("CLIENT_ERROR opaque") ? found : BAD_FLAG;
    return say(into, told);
  }
  const { key, flags } = found;
  if (name === "mg") return void into.push({ kind: "mg", key, meta: flags });
  if (name === "md") return void into.push({ kind: "md", key, meta: flags });
  const mode = COUNT_MODES[flags.mode];
  if (mode === undefined) return say(into, "CLIENT_ERROR invalid mode for ma M token");
  return void into.push({ kind: "ma", key, mode, meta: flags });
}

function readStore(line: TokenizedLine, into: Command[]): StoreHead | RefusedHead | undefined {
  if (line.count < 3) return say(into, BAD_FORMAT);
  if (line.count > MOST_TOKENS) return say(into, "CLIENT_ERROR options flags too long");
  const { bytes: source, tokens } = line;
  const bytes = readInteger(source, tokens[4] as number, tokens[5] as number);
  if (!(bytes >= 0 && bytes <= LARGEST_BLOCK)) return say(into, BAD_FORMAT);
  const found = keyed(line, 3);
  // The block is on its way: it must not be taken for commands.
  if (typeof found === "string") return { verb: "refused", bytes, text: found };
  const { key, flags } = found;
  const mode = STORE_MODES[flags.mode];
  if (mode === undefined) {
    return { verb: "refused", bytes, text: "CLIENT_ERROR invalid mode for ms M token" };
  }
  return { verb: "ms", key, flags: flags.flags, bytes, mode, meta: flags };
}

function readDebug(line: TokenizedLine, into: Command[]): undefined {
  const binaryKey = line.count > 2 && lengthOf(line, 2) === 1 && tokenOf(line, 2) === "b";
  const key = binaryKey ? decodeKey(tokenOf(line, 1)) : tokenOf(line, 1);
  if (key === undefined) return say(into, BAD_FORMAT);
  return void into.push({ kind: "me", key });
}

function keyed(line: TokenizedLine, from: number): { key: string; flags: Readonly<MetaFlags> } | string {
  const flags = readMetaFlags(line.bytes, line.tokens, from, line.count);
  if (typeof flags === "string") return flags;
  const key = flags.binaryKey ? decodeKey(tokenOf(line, 1)) : tokenOf(line, 1);
  return key === undefined ? BAD_KEY : { key, flags };
}

function tokenOf({ bytes, tokens }: TokenizedLine, index: number): string {
  return bytes.toString("latin1", tokens[2 * index] as number, tokens[2 * index + 1] as number);
}

function lengthOf({ tokens }: TokenizedLine, index: number): number {
  return (tokens[2 * index + 1] as number) - (tokens[2 * index] as number);
}

function say(into: Command[], text: string): undefined {
  into.push({ kind: "line", text, noreply: false });
}
