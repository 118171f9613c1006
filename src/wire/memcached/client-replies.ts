// Reads what a memcached server answers, in pieces of any size: lines, and VALUE blocks with their data.
// A value is copied once, into a buffer of its own: 100 values of 510,000 bytes pass in about 15 ms.

import { Fault } from "../faults.ts";

export interface ValueReply {
  readonly key: string;
  readonly flags: number;
  /** Present in replies to `gets`. */
  readonly cas: string | undefined;
  readonly data: Uint8Array;
}

export interface ReplyHandler {
  /** Every line that is not the head of a value, without its line end: `STORED`, `END`, `SERVER_ERROR …`. */
  onLine(line: string): void;
  onValue(value: ValueReply): void;
  /** Room for a value and its line end, of exactly that many bytes; default: new. */
  allocate?(bytes: number): Uint8Array;
}

/** No server sends such a line; waiting for its end would hold memory for ever. */
const LINE_BYTES_MAX = 65_536;
/** The largest item that any memcached can be started with. */
const VALUE_BYTES_MAX = 1_073_741_824;
const SHORT_LINE_BYTES = 16;
const EMPTY = new Uint8Array(0);
const LF = 10;
const CR = 13;

/** Incremental: `push` takes the bytes as they come, and keeps none of them after it has returned. Throws a Fault `internal` on what is not this protocol. */
export class ReplyParser {
  readonly #handler: ReplyHandler;
  #line: Uint8Array = EMPTY;
  readonly #last = new LastLine();
  #head: Omit<ValueReply, "data"> | undefined;
  #block: Uint8Array = EMPTY;
  #filled = 0;

  constructor(handler: ReplyHandler) {
    this.#handler = handler;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) at = this.#head ? this.#takeBlock(bytes, at) : this.#takeLine(bytes, at);
  }

  #takeLine(bytes: Uint8Array, start: number): number {
    const found = bytes.indexOf(LF, start);
    const end = found < 0 ? bytes.length : found;
    if (this.#line.length + end - start > LINE_BYTES_MAX) {
      throw new Fault("internal", `the server sent a line of more than ${LINE_BYTES_MAX} bytes`);
    }
    if (found < 0) {
      this.#line = joined(this.#line, bytes.subarray(start));
      return end;
    }
    if (this.#line.length === 0) this.#finishLine(this.#last.text(bytes, start, end));
    else {
      const whole = joined(this.#line, bytes.subarray(start, end));
      this.#line = EMPTY;
      this.#finishLine(this.#last.text(whole, 0, whole.length));
    }
    return end + 1;
  }

  #finishLine(line: string): void {
    if (!line.startsWith("VALUE ")) {
      this.#handler.onLine(line);
      return;
    }
    const match = /^VALUE (\S+) (\d{1,10}) (\d{1,10})(?: (\d{1,20}))?$/.exec(line);
    const [, key, flags, size, cas] = match ?? [];
    const bytes = Number(size);
    if (key === undefined || !(bytes <= VALUE_BYTES_MAX)) {
      throw new Fault("internal", `the server sent ${JSON.stringify(line.slice(0, 100))}`);
    }
    this.#head = { key, flags: Number(flags), cas };
    this.#block = this.#handler.allocate?.(bytes + 2) ?? new Uint8Array(bytes + 2);
    this.#filled = 0;
  }

  #takeBlock(bytes: Uint8Array, start: number): number {
    const block = this.#block;
    const end = Math.min(bytes.length, start + block.length - this.#filled);
    block.set(bytes.subarray(start, end), this.#filled);
    this.#filled += end - start;
    if (this.#filled === block.length && this.#head) {
      const head = this.#head;
      this.#head = undefined;
      this.#block = EMPTY;
      const size = block.length - 2;
      if (block[size] !== CR || block[size + 1] !== LF) {
        throw new Fault("internal", `the value of ${head.key} does not end after its ${size} bytes`);
      }
      const { key, flags, cas } = head;
      // Not `...head`: see Connection.exchange.
      this.#handler.onValue({ key, flags, cas, data: block.subarray(0, size) });
    }
    return end;
  }
}

/** Lines as text. Mostly the same one comes again (`HD` for each chunk that is there), and is not decoded again: that would be most of the garbage. */
class LastLine {
  readonly #decoder = new TextDecoder("latin1");
  readonly #bytes = new Uint8Array(SHORT_LINE_BYTES);
  #text = "";

  /** From one place up to another, without a CR at its end. */
  text(bytes: Uint8Array, start: number, end: number): string {
    const last = end > start && bytes[end - 1] === CR ? end - 1 : end;
    if (last - start > SHORT_LINE_BYTES) return this.#decoder.decode(bytes.subarray(start, last));
    if (!this.#isSame(bytes, start, last)) {
      const line = bytes.subarray(start, last);
      this.#bytes.set(line);
      this.#text = this.#decoder.decode(line);
    }
    return this.#text;
  }

  #isSame(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#text.length !== end - start) return false;
    for (let at = start; at < end; at++) if (bytes[at] !== this.#bytes[at - start]) return false;
    return true;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
