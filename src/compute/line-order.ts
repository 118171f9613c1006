// How lines are ordered, other than by all of their bytes: the key of a line, as bytes whose order is the lines' order.

import { Fault } from "../wire/faults.ts";
import { Columns } from "./columns.ts";
import { timeKey } from "./time-key.ts";

export interface LineKey {
  /** Columns from 1 on, the most significant first; with `time` the one the time stamp begins in. */
  readonly columns?: readonly number[] | undefined;
  /** Between columns, one byte or more; by default runs of spaces and tabs. */
  readonly delimiter?: string | undefined;
  /** The key is an ISO 8601 time stamp with or without a zone (UTC then). */
  readonly time?: boolean | undefined;
}

/** Lines with equal keys stand in the order of the inputs. Plain JSON. */
export interface LineOrder {
  /** Default: the whole line. */
  readonly key?: LineKey | undefined;
  readonly reverse?: boolean | undefined;
  /** Of lines with equal keys only the first is kept. */
  readonly unique?: boolean | undefined;
  /** Lines without a time stamp (or, without `time`, that begin with a space or tab) belong to the line before them. */
  readonly continuation?: boolean | undefined;
  /** Each line begins with its input's name and `: `. */
  readonly prefix?: boolean | undefined;
}

/** True when the order is not just that of the lines' bytes with all of them kept as they are. */
export function isSpecial(order: LineOrder): boolean {
  const { key, reverse, unique, continuation, prefix } = order;
  return Boolean(key || reverse || unique || continuation || prefix);
}

/** True when the key of a line is not simply the line, or some lines have none. */
export function isKeyed({ key, continuation }: LineOrder): boolean {
  return key !== undefined || continuation === true;
}

/** The key of a line without its newline; undefined for a line that continues the one before. */
export type KeyOf = (line: Buffer) => Uint8Array | undefined;

/** Fault `invalid` for an order that cannot be; the function it returns throws one for a line that has no key. */
export function keyReader({ key, continuation = false }: LineOrder): KeyOf {
  checkKey(key);
  const wanted = key?.columns;
  const columns = new Columns(key?.delimiter);
  if (key?.time) return timeReader(wanted?.[0], columns, continuation);
  const read: KeyOf = wanted?.length ? (line) => columnsKey(line, wanted, columns) : (line) => line;
  if (!continuation) return read;
  return (line) => (line[0] === 32 || line[0] === 9 ? undefined : read(line));
}

/** Fault `invalid` for a key that cannot be. */
export function checkKey(key: LineKey | undefined): void {
  const columns = key?.columns;
  if (columns?.some((column) => !Number.isSafeInteger(column) || column < 1)) {
    throw new Fault("invalid", `columns are numbered from 1 on: ${JSON.stringify(columns)}`);
  }
  if (key?.delimiter === "") throw new Fault("invalid", "the delimiter between columns is empty");
}

function timeReader(column = 1, columns: Columns, continuation: boolean): KeyOf {
  return (line) => {
    const isThere = column === 1 || columns.seek(line, 0, line.length, column);
    const found = isThere ? timeKey(line, column === 1 ? 0 : columns.start) : undefined;
    if (found || continuation) return found;
    throw noKey({ key: { time: true, columns: [column] } }, line);
  };
}

/** The fault of a line that has no key and must have one. */
export function noKey({ key }: LineOrder, line: Uint8Array): Fault {
  const text = JSON.stringify(new TextDecoder().decode(line.subarray(0, 100)));
  return new Fault("invalid", `the line ${text} has no time stamp in column ${key?.columns?.[0] ?? 1}`, {
    hint: "Time stamps are as in 2019-08-17T13:05:59Z. For lines that continue another, ask for continuation lines.",
  });
}

/** One column as it is; more one after another, each closed by 0 0, and a 0 in them is 0 255. A missing column is empty. */
function columnsKey(line: Buffer, wanted: readonly number[], columns: Columns): Buffer {
  if (wanted.length === 1) return columnOf(line, wanted[0] ?? 1, columns);
  const parts = wanted.flatMap((column) => {
    const part = columnOf(line, column, columns);
    return [part.includes(0) ? escaped(part) : part, CLOSE];
  });
  return Buffer.concat(parts);
}

function columnOf(line: Buffer, column: number, columns: Columns): Buffer {
  columns.seek(line, 0, line.length, column);
  return line.subarray(columns.start, columns.endFrom(line, columns.start));
}

const CLOSE = Buffer.from([0, 0]);

function escaped(part: Buffer): Buffer {
  return Buffer.from([...part].flatMap((byte) => (byte === 0 ? [0, 255] : [byte])));
}
