// One command line, in place: which command it is, and whether its arguments are well formed.
//
// Written for speed (figures in parser.ts): no string is made but the key's; the rare and the malformed take the slower ways.

import { readCrawler, readStats } from "./admin-line.ts";
import * as words from "./command-words.ts";
import type { Command, RefusedHead, StoreHead, StoreVerb } from "./commands.ts";
import { LastFlags } from "./last-flags.ts";
import { type MetaName, readMeta } from "./meta-line.ts";
import { readInteger, readUnsigned64 } from "./numbers.ts";

const ERROR = "ERROR";
const BAD_FORMAT = "CLIENT_ERROR bad command line format";
const BAD_EXPTIME = "CLIENT_ERROR invalid exptime argument";
const BAD_DELTA = "CLIENT_ERROR invalid numeric delta argument";
const BAD_DELETE = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
const LONGEST_KEY = 250;
const LARGEST_FLAGS = 4_294_967_295;
/** Of a declared length: 2^31 - 1, less the block's line end. */
const LARGEST_BLOCK = 2_147_483_645;
const MOST_TOKENS = 24;

/** Reused for every line of a connection. */
export class CommandLine {
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;
  /** Start and end of the first tokens. */
  readonly #tokens = new Int32Array(2 * MOST_TOKENS);
  /** All tokens of the line, also those that are not kept. */
  #count = 0;
  readonly #lastFlags = new LastFlags();

  /** Reads `bytes` from `start` to `newline`; appends to `into`, or returns the head of a block that follows it. */
  read(bytes: Buffer, start: number, newline: number, into: Command[]): StoreHead | RefusedHead | undefined {
    const end = newline - start > 1 && bytes[newline - 1] === 13 ? newline - 1 : newline;
    this.#bytes = bytes;
    this.#end = end;
    let at = start;
    while (at < end && bytes[at] === 32) at++;
    const first = at;
    while (at < end && bytes[at] !== 32 && bytes[at] !== 0) at++;
    const length = at - first;
    const word = length >= 2 && length <= 4 ? words.pack(bytes, first, length) : 0;
    if (word === words.GET || word === words.GETS || word === words.BGET) {
      return this.#get(at, word === words.GETS, into);
    }
    if (word === words.MG && this.#metaGetAgain(at, into)) return undefined;
    this.#tokenize(first);
    return this.#dispatch(word, length, into);
  }

  #dispatch(word: number, length: number, into: Command[]): StoreHead | RefusedHead | undefined {
    switch (word) {
      case words.SET:
        return this.#store("set", into);
      case words.ADD:
        return this.#store("add", into);
      case words.CAS:
        return this.#store("cas", into);
      case words.GAT:
        return this.#gat(false, into);
      case words.GATS:
        return this.#gat(true, into);
      case words.INCR:
        return this.#arithmetic("incr", into);
      case words.DECR:
        return this.#arithmetic("decr", into);
      case words.MG:
        return void this.#metaGet(into);
      case words.MS:
        return this.#meta("ms", into);
      case words.MD:
        return this.#meta("md", into);
      case words.MA:
        return this.#meta("ma", into);
      case words.ME:
        return this.#meta("me", into);
    }
    const name = length > 16 ? "" : this.#token(0);
    switch (name) {
      case "replace":
      case "append":
      case "prepend":
        return this.#store(name, into);
      case "delete":
        return this.#delete(into);
      case "touch":
        return this.#touch(into);
      case "flush_all":
        return this.#flush(into);
      default:
        return this.#rare(name, into);
    }
  }

  #rare(name: string, into: Command[]): undefined {
    switch (name) {
      case "mn":
        return say(into, "MN");
      case "version":
        return void into.push({ kind: "version" });
      case "verbosity":
        return this.#verbosity(into);
      case "stats":
        return readStats(this.#words(), into);
      case "lru_crawler":
        return readCrawler(this.#words(), into);
      case "quit":
        return void into.push({ kind: "close", text: "" });
      default:
        return this.#isHttp() ? void into.push({ kind: "close", text: "" }) : say(into, ERROR);
    }
  }

  #get(from: number, withCas: boolean, into: Command[]): undefined {
    const bytes = this.#bytes;
    const end = this.#end;
    const before = into.length;
    let at = from;
    for (;;) {
      while (at < end && bytes[at] === 32) at++;
      const start = at;
      while (at < end && bytes[at] !== 32 && bytes[at] !== 0) at++;
      if (at === start) break;
      if (at - start > LONGEST_KEY) {
        into.length = before;
        return say(into, BAD_FORMAT);
      }
      const key = bytes.toString("latin1", start, at);
      let next = at;
      while (next < end && bytes[next] === 32) next++;
      const last = next === end || bytes[next] === 0;
      into.push({ kind: "get", key, withCas, last });
      if (last) return undefined;
      at = next;
    }
    return say(into, ERROR);
  }

  /** A meta get with the flags of the last one: only its key is read. */
  #metaGetAgain(from: number, into: Command[]): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let start = from;
    while (start < end && bytes[start] === 32) start++;
    let at = start;
    while (at < end && bytes[at] !== 32 && bytes[at] !== 0) at++;
    if (at === start || at - start > LONGEST_KEY) return false;
    const meta = this.#lastFlags.match(bytes, at, end);
    if (!meta) return false;
    into.push({ kind: "mg", key: bytes.toString("latin1", start, at), meta });
    return true;
  }

  #metaGet(into: Command[]): void {
    const before = into.length;
    this.#meta("mg", into);
    const command = into[before];
    if (command?.kind !== "mg") return;
    this.#lastFlags.keep(this.#bytes, this.#tokens[3] as number, this.#end, command.meta);
  }

  #meta(name: MetaName, into: Command[]): StoreHead | RefusedHead | undefined {
    return readMeta(name, { bytes: this.#bytes, tokens: this.#tokens, count: this.#count }, into);
  }

  #gat(withCas: boolean, into: Command[]): undefined {
    if (this.#count < 2) return say(into, ERROR);
    const exptime = this.#integer(1);
    if (Number.isNaN(exptime)) return say(into, BAD_EXPTIME);
    if (this.#count === 2) return say(into, "END");
    const before = into.length;
    this.#get(this.#tokens[4] as number, withCas, into);
    for (let i = before; i < into.length; i++) {
      const command = into[i];
      if (command?.kind === "get") into[i] = { ...command, kind: "gat", exptime };
    }
    return undefined;
  }

  #store(verb: StoreVerb, into: Command[]): StoreHead | undefined {
    const least = verb === "cas" ? 6 : 5;
    if (this.#count !== least && this.#count !== least + 1) return say(into, ERROR);
    const noreply = this.#noreply();
    const flags = this.#integer(2);
    const exptime = this.#integer(3);
    const bytes = this.#integer(4);
    const cas = verb === "cas" ? this.#unsigned(5) : 0n;
    const sound = flags >= 0 && flags <= LARGEST_FLAGS && bytes >= 0 && bytes <= LARGEST_BLOCK;
    if (!this.#hasKey() || !sound || Number.isNaN(exptime) || cas === undefined) {
      return say(into, BAD_FORMAT, noreply);
    }
    return { verb, key: this.#token(1), flags, exptime, bytes, cas: Number(cas), noreply };
  }

  #arithmetic(kind: "incr" | "decr", into: Command[]): undefined {
    if (this.#count !== 3 && this.#count !== 4) return say(into, ERROR);
    const noreply = this.#noreply();
    if (!this.#hasKey()) return say(into, BAD_FORMAT, noreply);
    const delta = this.#unsigned(2);
    if (delta === undefined) return say(into, BAD_DELTA, noreply);
    return void into.push({ kind, key: this.#token(1), delta, noreply });
  }

  #delete(into: Command[]): undefined {
    const count = this.#count;
    if (count < 2 || count > 4) return say(into, ERROR);
    const noreply = count > 2 && this.#noreply();
    const zero = count > 2 && this.#token(2) === "0";
    const sound = count === 2 || (count === 3 && (zero || noreply)) || (count === 4 && zero && noreply);
    if (!sound) return say(into, BAD_DELETE, noreply);
    if (!this.#hasKey()) return say(into, BAD_FORMAT, noreply);
    return void into.push({ kind: "delete", key: this.#token(1), noreply });
  }

  #touch(into: Command[]): undefined {
    if (this.#count !== 3 && this.#count !== 4) return say(into, ERROR);
    const noreply = this.#noreply();
    if (!this.#hasKey()) return say(into, BAD_FORMAT, noreply);
    const exptime = this.#integer(2);
    if (Number.isNaN(exptime)) return say(into, BAD_EXPTIME, noreply);
    return void into.push({ kind: "touch", key: this.#token(1), exptime, noreply });
  }

  #flush(into: Command[]): undefined {
    if (this.#count > 3) return say(into, ERROR);
    const noreply = this.#noreply();
    const delay = this.#count === (noreply ? 2 : 1) ? 0 : this.#integer(1);
    if (Number.isNaN(delay)) return say(into, BAD_EXPTIME, noreply);
    return void into.push({ kind: "flush", delay, noreply });
  }

  /** Accepted without effect: what is logged is decided where the server is started. */
  #verbosity(into: Command[]): undefined {
    if (this.#count < 2 || this.#count > 3) return say(into, ERROR);
    const level = this.#integer(1);
    return say(into, level >= 0 ? "OK" : BAD_FORMAT, this.#noreply());
  }

  #tokenize(first: number): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let count = 0;
    let at = first;
    for (;;) {
      while (at < end && bytes[at] === 32) at++;
      const start = at;
      while (at < end && bytes[at] !== 32 && bytes[at] !== 0) at++;
      if (at === start) break;
      if (count < MOST_TOKENS) {
        this.#tokens[2 * count] = start;
        this.#tokens[2 * count + 1] = at;
      }
      count++;
    }
    this.#count = count;
  }

  #token(index: number): string {
    if (index >= this.#count) return "";
    const start = this.#tokens[2 * index] as number;
    return this.#bytes.toString("latin1", start, this.#tokens[2 * index + 1] as number);
  }

  #words(): string[] {
    return Array.from({ length: Math.min(this.#count, 5) }, (_, index) => this.#token(index));
  }

  #hasKey(): boolean {
    return (this.#tokens[3] as number) - (this.#tokens[2] as number) <= LONGEST_KEY;
  }

  #integer(index: number): number {
    const start = this.#tokens[2 * index] as number;
    return readInteger(this.#bytes, start, this.#tokens[2 * index + 1] as number);
  }

  #unsigned(index: number): bigint | undefined {
    const start = this.#tokens[2 * index] as number;
    return readUnsigned64(this.#bytes, start, this.#tokens[2 * index + 1] as number);
  }

  /** The last token is `noreply`. */
  #noreply(): boolean {
    const last = this.#count - 1;
    if (last < 1 || last >= MOST_TOKENS) return false;
    const start = this.#tokens[2 * last] as number;
    return (this.#tokens[2 * last + 1] as number) - start === 7 && this.#token(last) === "noreply";
  }

  /** A browser, or a script that posts to us through one. */
  #isHttp(): boolean {
    const text = this.#bytes.toString("latin1", Math.max(0, this.#end - 64), this.#end);
    return this.#count > 1 && /(?:^| )HTTP\/[^ ]*$/.test(text.trimEnd());
  }
}

function say(into: Command[], text: string, noreply = false): undefined {
  into.push({ kind: "line", text, noreply });
}
