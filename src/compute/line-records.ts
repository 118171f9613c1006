// Records: the lines of an input with their keys, each with the lines that continue it.

import { Fault } from "../wire/faults.ts";
import { type KeyOf, keyReader, type LineOrder } from "./line-order.ts";
import { type MergeInput, streamOf } from "./merge-input.ts";

export interface LineRecord {
  readonly key: Uint8Array;
  /** Where in `bytes` the line with the key begins; undefined where no line has one. */
  readonly keyLine: number | undefined;
  /** With the newline, the lines that continue it, and the prefixes. */
  readonly bytes: Buffer;
}

export interface RecordOptions {
  readonly order: LineOrder;
  readonly signal?: AbortSignal | undefined;
  readonly longestLine: number;
}

/** Below 0: `a` goes before `b`. */
export function compareKeys(a: Uint8Array, b: Uint8Array, { reverse }: LineOrder): number {
  return reverse ? Buffer.compare(b, a) : Buffer.compare(a, b);
}

/**
 * The records of an input in any order, as many at a time as a piece of it holds; all of them are to be taken before more
 * are asked for. Faults: `invalid` for a line without a key, `too-large`.
 */
export async function* readRecords(
  input: MergeInput,
  options: RecordOptions,
): AsyncGenerator<Iterable<LineRecord>> {
  const parser = new RecordParser(input.name, options);
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const piece of streamOf(input, options.signal)) {
    const end = piece.lastIndexOf(10) + 1;
    let from = 0;
    if (held > 0 && end > 0) {
      from = piece.indexOf(10) + 1;
      yield parser.take(Buffer.concat([...parts, piece.subarray(0, from)]));
      parts = [];
      held = 0;
    }
    if (end > from) yield parser.take(lasting(input, piece.subarray(from, end)));
    if (end === piece.length) continue;
    parts.push(Buffer.from(piece.subarray(end)));
    held += piece.length - end;
    parser.checkLength(held);
  }
  yield parser.take(held > 0 ? Buffer.concat([...parts, NEWLINE]) : Buffer.alloc(0));
  yield parser.finish();
}

/** Records outlive the pieces of a stream, whose memory may be used again; those of a file are new each. */
function lasting({ file }: MergeInput, bytes: Uint8Array): Buffer {
  return file ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.from(bytes);
}

const NEWLINE = Buffer.from("\n");

/** A record whose end is not known yet. */
interface Pending {
  key: Uint8Array | undefined;
  keyLine: number | undefined;
  readonly parts: Buffer[];
  length: number;
}

class RecordParser {
  readonly #name: string;
  readonly #options: RecordOptions;
  readonly #keyOf: KeyOf;
  readonly #prefix: Buffer | undefined;
  #line = 0;
  #pending: Pending | undefined;

  constructor(name: string, options: RecordOptions) {
    this.#name = name;
    this.#options = options;
    this.#keyOf = keyReader(options.order);
    if (options.order.prefix) this.#prefix = Buffer.from(`${name}: `);
  }

  /** `bytes`: whole lines. */
  *take(bytes: Buffer): Generator<LineRecord> {
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(10, start);
      this.#line += 1;
      this.checkLength(newline - start);
      const key = this.#keyAt(bytes.subarray(start, newline));
      const line = bytes.subarray(start, newline + 1);
      const parts = this.#prefix ? [this.#prefix, line] : [line];
      if (key === undefined) this.#continue(parts);
      else yield* this.#begin(key, parts);
      start = newline + 1;
    }
  }

  finish(): readonly LineRecord[] {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending ? [recordOf(pending)] : [];
  }

  checkLength(length: number): void {
    const { longestLine } = this.#options;
    if (length <= longestLine) return;
    throw new Fault("too-large", `${this.#name}, line ${this.#line + 1}: longer than ${longestLine} bytes`, {
      hint: "Check that the file is a text of lines that end with a newline.",
      details: { source: this.#name },
    });
  }

  #keyAt(line: Buffer): Uint8Array | undefined {
    try {
      return this.#keyOf(line);
    } catch (error) {
      if (!(error instanceof Fault) || error.details) throw error;
      throw faultIn(this.#name, this.#line, error);
    }
  }

  /** Lines that continue nothing, at an input's beginning, go with its first record. */
  #begin(key: Uint8Array, parts: readonly Buffer[]): readonly LineRecord[] {
    const finished = this.#pending?.key === undefined ? [] : this.finish();
    this.#pending ??= { key, keyLine: undefined, parts: [], length: 0 };
    this.#pending.key = key;
    this.#pending.keyLine = this.#pending.length + (this.#prefix?.length ?? 0);
    this.#continue(parts);
    return finished;
  }

  #continue(parts: readonly Buffer[]): void {
    this.#pending ??= { key: undefined, keyLine: undefined, parts: [], length: 0 };
    for (const part of parts) {
      this.#pending.parts.push(part);
      this.#pending.length += part.length;
    }
    // A record with all its lines is kept in memory, so it is bounded as a line is.
    this.checkLength(this.#pending.length - 1 - (this.#prefix?.length ?? 0));
  }
}

function recordOf({ key, keyLine, parts, length }: Pending): LineRecord {
  const [first] = parts;
  return {
    key: key ?? new Uint8Array(0),
    keyLine,
    bytes: parts.length === 1 && first ? first : Buffer.concat(parts, length),
  };
}

/** The same fault, with the input and the number of the line it is about. */
export function faultIn(name: string, line: number, { code, message, hint, cause }: Fault): Fault {
  return new Fault(code, `${name}, line ${line}: ${message}`, {
    ...(hint && { hint }),
    ...(cause !== undefined && { cause }),
    details: { source: name },
  });
}
