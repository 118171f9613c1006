// Random programs of memcached commands, classic and meta, sound and malformed, for two servers that should answer alike.
//
// What docs/memcached.md lists as a difference is left out; comments say where.

import type { Random } from "./random.ts";

/** Stands for a cas unique that the server has told in this program: U+0100 plus which one. */
export const UNIQUE = 0x100;

const words = (text: string): readonly string[] => text.split(" ");
const EXPTIMES = words("0 0 0 0 100 1000 86400 2592000 2592001 -1 -100 x 1x +100 -0 00100 1.5 1e3");
const NUMBERS = words("0 1 2 9 10 99 255 18446744073709551615 9223372036854775808 9999999999");
const BAD_NUMBERS = words("-1 x 1x +1 18446744073709551616 99999999999999999999 0x10 1.5 01 007");
const NUMERIC_VALUES = [...words("0 1 9 10 99 100 18446744073709551615 18446744073709551610"), "5 "];
/** None is white space alone: memcached counts on behind it. */
const ODD_VALUES = [
  ...words("abc -1 7x 18446744073709551616 END 007"),
  "",
  " 7",
  "1 2",
  "\r\nx",
  "get a\r\n",
  "\0",
];
const STORE_FLAGS = words("0 0 0 1 7 65535 4294967295 -1 x 1x +5");
const BAD_LENGTHS = words("-1 x 1x 2147483647 4294967295");
/** Not here: `E`, `x` of `md` and `s` of `ms`, which 1.6.18 does not know yet. */
const FLAGS = {
  mg: words(
    "v v v t q u s f c k h l b O1 Oab T0 T100 T-1 T1000 N0 N100 N1000 R0 R100 R500 R5000 R-1 P L I D1 J1 S M",
  ),
  ms: words(
    "c k q b O1 Oxyz T0 T100 T-1 T1000 F0 F7 F4294967295 Fx F-1 I Tx T MA MP ME MR MS Ma Mset M MX v t f h u N1 Z",
  ),
  md: words("k q b O1 Oxyz I I T100 T1000 T-1 Tx v s c u M Z 5"),
  // A `T` is lost when the number grows.
  ma: words(
    "v v v q t c k b O1 N0 N100 N-1 Nx J0 J7 J18446744073709551615 J-1 D0 D1 D9 D18446744073709551615 Dx MI MD M+ M- Mi M s f u Z",
  ),
} as const;
const OTHERS = [
  ...[
    "mn",
    "mn x",
    "version",
    "version x",
    "verbosity",
    "verbosity 0",
    "verbosity 1 noreply",
    "verbosity noreply",
    "",
  ],
  ...[
    " ",
    "GET a",
    "nonsense",
    "getx",
    "get",
    "gets",
    "gat",
    "gat 0",
    "gats x",
    "set",
    "ms",
    "mg",
    "md",
    "ma",
    "me",
  ],
  ...[
    "delete",
    "touch",
    "incr",
    "cas",
    "flush_all x",
    "stats reset",
    "stats foo",
    "\t",
    "get\ta",
    "lru_crawler",
  ],
];

type Make = (random: Random, keys: Keys) => string;

const READS: readonly Make[] = [get, get, gat, metaLine("mg"), metaLine("mg"), metaLine("mg"), debug, other];
const WRITES: readonly Make[] = [
  store,
  store,
  store,
  touch,
  remove,
  metaStore,
  metaStore,
  metaLine("md"),
  other,
];
const COUNTS: readonly Make[] = [count, count, metaLine("ma"), metaLine("ma"), ...WRITES];

/**
 * Pipelines that are sent one after the other when the answer to the one before is there. Numbers are not read and changed in one pipeline:
 * while an answer waits to be sent memcached does not pad its number.
 */
export function program(random: Random, name: string): string[] {
  const keys = new Keys(random, name);
  const counts = random.below(3) === 0;
  return Array.from({ length: 1 + random.below(5) }, () => {
    const text = pipeline(random, keys, counts ? random.pick([COUNTS, READS]) : [...READS, ...WRITES]);
    // Whether an item was fetched before is told in another way of what is counted, and beside what is made or won.
    const told = counts || /^mg .* [NR]| I/m.test(text) ? text.replace(/ h(?=[ \r\n])/g, "") : text;
    // memcached forgets that an item is stale when its number grows.
    return counts ? told.replace(/ I(?=[ \r\n])/g, "") : told;
  });
}

function pipeline(random: Random, keys: Keys, makes: readonly Make[]): string {
  // A key that is too long makes memcached forget what it has answered in the same pipeline; what stands before it counts as fetched.
  if (random.below(60) === 0) return `get nope ${"k".repeat(251)}\r\n`;
  return Array.from({ length: 1 + random.below(12) }, () => random.pick(makes)(random, keys)).join("");
}

class Keys {
  readonly #random: Random;
  readonly #name: string;

  constructor(random: Random, name: string) {
    this.#random = random;
    this.#name = name;
  }

  next(): string {
    const dice = this.#random.below(80);
    if (dice === 0) return this.#name + "k".repeat(250 - this.#name.length);
    if (dice === 1) return `${this.#name}\xff\x01`;
    return this.#name + this.#random.pick(["a", "a", "b", "n", "n"]);
  }

  /** Too long, at times. */
  any(): string {
    return this.#random.below(60) === 0 ? "k".repeat(251) : this.next();
  }

  /** With `b` in base64, or what memcached too takes for none. */
  meta(flags: readonly string[]): string {
    if (!flags.includes("b")) return this.any();
    if (this.#random.below(12) === 0) return this.#random.pick(["YmI", "!", "="]);
    return Buffer.from(this.any(), "latin1").toString("base64");
  }
}

function get(random: Random, keys: Keys): string {
  return `${random.pick(["get", "gets", "gets", "bget"])} ${several(random, keys)}${end(random)}`;
}

function gat(random: Random, keys: Keys): string {
  return `${random.pick(["gat", "gats"])} ${random.pick(EXPTIMES)} ${several(random, keys)}${end(random)}`;
}

function count(random: Random, keys: Keys): string {
  return `${random.pick(["incr", "decr"])} ${keys.any()} ${number(random)}${noreply(random)}${end(random)}`;
}

function touch(random: Random, keys: Keys): string {
  return `touch ${keys.any()} ${random.pick(EXPTIMES)}${noreply(random)}${end(random)}`;
}

function remove(random: Random, keys: Keys): string {
  const rest = random.pick(["", "", "", "", " 0", " 5", " 0 noreply", " x y z"]);
  return `delete ${keys.any()}${rest}${noreply(random)}${end(random)}`;
}

function debug(random: Random, keys: Keys): string {
  return `me ${keys.next()}${end(random)}`;
}

function other(random: Random): string {
  return `${random.pick(OTHERS)}${end(random)}`;
}

function store(random: Random, keys: Keys): string {
  const verb = random.pick(["set", "set", "set", "set", "add", "replace", "append", "prepend", "cas", "cas"]);
  const value = randomValue(random);
  const head = `${verb} ${keys.any()} ${random.pick(STORE_FLAGS)} ${random.pick(EXPTIMES)}`;
  const rest = `${verb === "cas" ? ` ${unique(random)}` : ""}${noreply(random)}`;
  if (random.below(25) === 0) return `${head} ${random.pick(BAD_LENGTHS)}${rest}\r\n`;
  return `${head} ${declared(random, value)}${rest}${end(random)}${value}\r\n`;
}

function metaStore(random: Random, keys: Keys): string {
  const flags = flagsOf(random, "ms");
  const value = randomValue(random);
  const head = `ms ${keys.meta(flags)}`;
  if (random.below(25) === 0) return `${head} ${random.pick(BAD_LENGTHS)}\r\n`;
  return `${[head, declared(random, value), ...flags].join(" ")}${end(random)}${value}\r\n`;
}

function metaLine(name: "mg" | "md" | "ma"): Make {
  return (random, keys) => {
    const flags = flagsOf(random, name);
    return `${[name, keys.meta(flags), ...flags].join(" ")}${end(random)}`;
  };
}

function flagsOf(random: Random, name: keyof typeof FLAGS): string[] {
  const flags: string[] = [];
  for (let count = random.below(7); count > 0; count--) {
    const flag = random.below(12) === 0 ? `C${unique(random)}` : random.pick<string>(FLAGS[name]);
    // Seldom one twice, for that is an error.
    if (random.below(40) === 0 || flags.every((one) => one[0] !== flag[0])) flags.push(flag);
  }
  return isComparable(name, flags) ? flags : flagsOf(random, name);
}

function isComparable(name: keyof typeof FLAGS, flags: readonly string[]): boolean {
  const has = (pattern: RegExp) => flags.some((flag) => pattern.test(flag));
  // 1.6.18 does not make items so.
  if (name === "ms" && has(/^N/) && has(/^M[AP]/)) return false;
  // It forgets that the key was in base64.
  if (name === "ms" && has(/^b/) && has(/^M[AP]/)) return false;
  if (has(/^N/) && has(/^b/)) return false;
  // What has expired already has no unique here.
  return !(has(/^c/) && has(/^[NT]-/));
}

function several(random: Random, keys: Keys): string {
  return Array.from({ length: 1 + random.below(3) }, () => keys.next()).join(" ");
}

function unique(random: Random): string {
  return random.below(5) === 0 ? number(random) : String.fromCharCode(UNIQUE + random.below(200));
}

function number(random: Random): string {
  return random.pick(random.below(6) === 0 ? BAD_NUMBERS : NUMBERS);
}

function randomValue(random: Random): string {
  const dice = random.below(20);
  if (dice < 10) return random.pick(NUMERIC_VALUES);
  if (dice < 18) return random.pick(ODD_VALUES);
  // Not so long that its rest is a line over 2,048 bytes, which closes the connection or not.
  return String.fromCharCode(97 + random.below(26)).repeat(random.below(1_900));
}

/** Off by a little at times: then the rest is taken for commands. */
function declared(random: Random, value: string): string {
  const off = random.below(30) === 0 ? random.below(7) - 3 : 0;
  return `${Math.max(0, value.length + off)}`;
}

function noreply(random: Random): string {
  return random.pick(["", "", "", "", " noreply", " noreplx"]);
}

function end(random: Random): string {
  return random.below(15) === 0 ? "\n" : "\r\n";
}
