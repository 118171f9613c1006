// The flags of a meta command (protocol.txt "Meta Commands"), read from the tokens behind its key.

import { readInteger, readUnsigned64 } from "./numbers.ts";

/** As they were given; what a command has no use for is accepted and ignored, as memcached does. */
export interface MetaFlags {
  /** `b`: the key is given, and told, in base64. */
  binaryKey: boolean;
  /** `q`: the nominal answer is left out. */
  quiet: boolean;
  /** `v` */
  value: boolean;
  /** `u`: does not count as a fetch. */
  silent: boolean;
  /** `I` */
  invalidate: boolean;
  /** `x` */
  emptied: boolean;
  /** `O` with its token, as it is told; or "". */
  opaque: string;
  /** What is to be told, in order: letters of `s t f c l h k`, `O` for the opaque token; and `T N R` where they stood. */
  returns: string;
  /** The letter of `M`; "" if there is none. */
  mode: string;
  /** `N`, `T`, `R`: exptimes as they were sent. */
  vivify: number | undefined;
  exptime: number | undefined;
  recache: number | undefined;
  /** `F` */
  flags: number;
  /** `C`; beyond 2^53 rounded, which is harmless: the uniques we hand out stay below. */
  compare: number | undefined;
  /** `E`, below 2^53. */
  cas: number | undefined;
  /** `J` and `D`. */
  initial: bigint;
  delta: bigint;
  /** The value is asked for, and besides at most what the item's head tells at any time: size, flags, cas, key, opaque token. */
  plain: boolean;
}

const BAD_TOKEN = "CLIENT_ERROR bad token in command line format";
const BAD_FORMAT = "CLIENT_ERROR bad command line format";
export const BAD_KEY = "CLIENT_ERROR error decoding key";
/** The letter `b`. */
const B = 98;
const LONGEST_OPAQUE = 32;
const TOLD = new Set("stfclhk");
/** Without a meaning here: `P` and `L` are for proxies. */
const IGNORED = new Set("PL");

/** Of the last few texts: nearly every client sends the same flags again and again, and to read them takes 0.3 µs. */
const READ = new Map<string, Readonly<MetaFlags>>();
const MOST_READ = 256;
const LONGEST_READ = 16;

/**
 * Reads tokens `from` to `count`; `tokens` holds the start and end of each. Returns the flags, or the line of an error.
 * An error in one flag is told after all were looked at, as memcached does; a duplicate or unknown one at once.
 */
export function readMetaFlags(
  bytes: Buffer,
  tokens: Int32Array,
  from: number,
  count: number,
): Readonly<MetaFlags> | string {
  const start = from < count ? (tokens[2 * from] as number) : 0;
  const end = from < count ? (tokens[2 * count - 1] as number) : 0;
  // Longer ones, with an opaque token say, are seldom the same again.
  if (end - start > LONGEST_READ) return readAnew(bytes, tokens, from, count);
  const text = bytes.toString("latin1", start, end);
  const known = READ.get(text);
  if (known) return known;
  const flags = readAnew(bytes, tokens, from, count);
  if (typeof flags === "string") return flags;
  if (READ.size >= MOST_READ) READ.clear();
  READ.set(text, flags);
  return flags;
}

function readAnew(bytes: Buffer, tokens: Int32Array, from: number, count: number): MetaFlags | string {
  const flags = noFlags();
  const seen = new Set<number>();
  let error = "";
  for (let i = from; i < count; i++) {
    const start = tokens[2 * i] as number;
    const letter = bytes[start] as number;
    if (letter >= 127 || seen.has(letter)) return "CLIENT_ERROR duplicate flag";
    seen.add(letter);
    const problem = readFlag(flags, String.fromCharCode(letter), bytes, start, tokens[2 * i + 1] as number);
    if (problem === undefined) return "CLIENT_ERROR invalid flag";
    // The last one is told; bad flags (`F`) only where there is nothing else.
    if (problem !== "" && (problem !== BAD_FORMAT || error === "")) error = problem;
    if (letter === B && keyOf(bytes, tokens) === undefined) error = BAD_KEY;
  }
  flags.plain = isPlain(flags);
  return error === "" ? flags : error;
}

/** The bytes of a key in base64; undefined: it is not. Strict: whole groups of four, padded. */
export function decodeKey(text: string): string | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  return Buffer.from(text, "base64").toString("latin1");
}

function keyOf(bytes: Buffer, tokens: Int32Array): string | undefined {
  return decodeKey(bytes.toString("latin1", tokens[2], tokens[3]));
}

function isPlain({ value, binaryKey, silent, returns }: MetaFlags): boolean {
  return value && !binaryKey && !silent && /^[sfckO]*$/.test(returns);
}

/** "": understood; undefined: there is no such flag; else what is wrong with its token. */
function readFlag(
  flags: MetaFlags,
  letter: string,
  bytes: Buffer,
  start: number,
  end: number,
): string | undefined {
  if (TOLD.has(letter)) {
    flags.returns += letter;
    return "";
  }
  switch (letter) {
    case "b":
      flags.binaryKey = true;
      return "";
    case "q":
      flags.quiet = true;
      return "";
    case "v":
      flags.value = true;
      return "";
    case "u":
      flags.silent = true;
      return "";
    case "I":
      flags.invalidate = true;
      return "";
    case "x":
      flags.emptied = true;
      return "";
    case "O":
      flags.returns += letter;
      flags.opaque = bytes.toString("latin1", start, end);
      return end - start > LONGEST_OPAQUE ? "CLIENT_ERROR opaque token too long" : "";
    case "M":
      flags.mode = bytes.toString("latin1", start + 1, end);
      return end - start === 2 ? "" : "CLIENT_ERROR incorrect length for M token";
    default:
      return readNumber(flags, letter, bytes, start + 1, end);
  }
}

function readNumber(
  flags: MetaFlags,
  letter: string,
  bytes: Buffer,
  start: number,
  end: number,
): string | undefined {
  switch (letter) {
    // A time to live that is told, or compared, before it is changed is the old one: so the order is kept.
    case "N":
      flags.vivify = readInteger(bytes, start, end);
      flags.returns += letter;
      return Number.isNaN(flags.vivify) ? BAD_TOKEN : "";
    case "T":
      flags.exptime = readInteger(bytes, start, end);
      flags.returns += letter;
      return Number.isNaN(flags.exptime) ? BAD_TOKEN : "";
    case "R":
      flags.recache = readInteger(bytes, start, end);
      flags.returns += letter;
      return Number.isNaN(flags.recache) ? BAD_TOKEN : "";
    case "F":
      flags.flags = readInteger(bytes, start, end);
      return flags.flags >= 0 && flags.flags <= 4_294_967_295 ? "" : BAD_FORMAT;
    case "C": {
      const unique = readUnsigned64(bytes, start, end);
      flags.compare = Number(unique);
      return unique === undefined ? BAD_TOKEN : "";
    }
    case "E": {
      const unique = readUnsigned64(bytes, start, end);
      flags.cas = Number(unique);
      return Number.isSafeInteger(flags.cas) ? "" : BAD_TOKEN;
    }
    case "J": {
      const initial = readUnsigned64(bytes, start, end);
      flags.initial = initial ?? 0n;
      return initial === undefined ? "CLIENT_ERROR invalid numeric initial value" : "";
    }
    case "D": {
      const delta = readUnsigned64(bytes, start, end);
      flags.delta = delta ?? 0n;
      return delta === undefined ? "CLIENT_ERROR invalid numeric delta value" : "";
    }
    default:
      return IGNORED.has(letter) ? "" : undefined;
  }
}

function noFlags(): MetaFlags {
  return {
    binaryKey: false,
    quiet: false,
    value: false,
    silent: false,
    invalidate: false,
    emptied: false,
    opaque: "",
    returns: "",
    mode: "",
    vivify: undefined,
    exptime: undefined,
    recache: undefined,
    flags: 0,
    compare: undefined,
    cas: undefined,
    initial: 0n,
    delta: 1n,
    plain: false,
  };
}
