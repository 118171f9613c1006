// What a client may say before it has authenticated: a `set` whose block is `user password` (protocol.txt "Authentication").

import type { Command } from "./commands.ts";
import { readInteger } from "./numbers.ts";

const UNAUTHENTICATED = "CLIENT_ERROR unauthenticated";
const NEWLINE = 10;
/** A line of more bytes closes the connection, as in memcached. */
const LONGEST_LINE = 2_048;
/** Of the block: nobody has a longer password, and nobody unknown gets more memory. */
const LONGEST_BLOCK = 1_024;

/** Takes the parser's place until a client is let in; appends one command at a time. Holds at most one line or block. */
export class AuthGate {
  #held = "";
  /** Bytes of the block that is awaited, its line end included; 0: a line is. */
  #block = 0;
  #closed = false;

  get idle(): boolean {
    return this.#block === 0 && this.#held === "";
  }

  /** As `CommandParser.parse`, but returns after each command: the next one depends on what becomes of it. */
  parse(chunk: Buffer, from: number, into: Command[]): number {
    let at = from;
    while (at < chunk.length && into.length === 0) {
      if (this.#closed) return chunk.length;
      at = this.#block > 0 ? this.#readBlock(chunk, at, into) : this.#readLine(chunk, at, into);
    }
    return at;
  }

  #readLine(chunk: Buffer, at: number, into: Command[]): number {
    const newline = chunk.indexOf(NEWLINE, at);
    const end = newline < 0 ? chunk.length : newline;
    this.#held += chunk.toString("latin1", at, Math.min(end, at + LONGEST_LINE + 1));
    if (this.#held.length > LONGEST_LINE) return this.#close(chunk, into, "");
    if (newline < 0) return end;
    const words = this.#held.split(" ").filter((word) => word !== "");
    this.#held = "";
    const size = words[0] === "set" && words.length >= 5 ? sizeOf(words[4] ?? "") : Number.NaN;
    if (Number.isNaN(size)) into.push({ kind: "line", text: UNAUTHENTICATED, noreply: false });
    else if (size > LONGEST_BLOCK) return this.#close(chunk, into, "CLIENT_ERROR authentication failure");
    else this.#block = size + 2;
    return newline + 1;
  }

  #readBlock(chunk: Buffer, at: number, into: Command[]): number {
    const end = Math.min(chunk.length, at + this.#block - this.#held.length);
    this.#held += chunk.toString("latin1", at, end);
    if (this.#held.length < this.#block) return end;
    const text = this.#held;
    this.#held = "";
    this.#block = 0;
    const [user, password] = text
      .slice(0, -2)
      .split(" ")
      .filter((word) => word !== "");
    if (!text.endsWith("\r\n")) {
      into.push({ kind: "line", text: "CLIENT_ERROR bad command line termination", noreply: false });
    } else if (user === undefined || password === undefined) {
      into.push({ kind: "line", text: "CLIENT_ERROR bad authentication token format", noreply: false });
    } else {
      into.push({ kind: "auth", user, password });
    }
    return end;
  }

  #close(chunk: Buffer, into: Command[], text: string): number {
    this.#closed = true;
    this.#held = "";
    into.push({ kind: "close", text });
    return chunk.length;
  }
}

function sizeOf(word: string): number {
  const text = word.endsWith("\r") ? word.slice(0, -1) : word;
  const size = readInteger(Buffer.from(text, "latin1"), 0, text.length);
  return size >= 0 ? size : Number.NaN;
}
