// The rows that were set apart: all of them in a CSV file, the first ones in memory.

import { type FileHandle, open } from "node:fs/promises";
import type { RejectedRow } from "../../ports/aggregation.ts";

/** Characters of a row's text that are kept. */
const SHOWN = 1_000;
/** Rows that are kept in memory. */
const NAMED = 1_000;

export class Rejects implements AsyncDisposable {
  count = 0;
  readonly first: RejectedRow[] = [];
  readonly #file: FileHandle;
  #pending: string[] = ["line,position,reason,text\n"];

  static async open(path: string): Promise<Rejects> {
    return new Rejects(await open(path, "w"));
  }

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** `row`: its bytes; what of them is no text becomes U+FFFD. */
  add(line: number, position: number, reason: string, row: Buffer): void {
    // A character of UTF-16 has at most three bytes.
    const text = row
      .toString("utf8", 0, Math.min(row.length, SHOWN * 3))
      .slice(0, SHOWN)
      .toWellFormed();
    this.count++;
    if (this.first.length < NAMED) this.first.push({ line, position, reason, text });
    this.#pending.push(`${line},${position},${quoted(reason)},${quoted(text)}\n`);
  }

  /** To be called now and then: what was added is kept in memory until then. */
  async flush(): Promise<void> {
    const text = this.#pending.join("");
    this.#pending = [];
    if (text !== "") await this.#file.appendFile(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) || field === "" ? `"${field.replaceAll('"', '""')}"` : field;
}
