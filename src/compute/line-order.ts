// How lines are ordered, other than by all of their bytes: the key of a line, as bytes whose order is the lines' order.

import { Fault } from "../wire/faults.ts";
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
  const { columns, time = false } = key ?? {};
  if (columns?.some((column) => !Number.isSafeInteger(column) || column < 1)) {
    throw new Fault("invalid", `columns are numbered from 1 on: ${JSON.stringify(columns)}`);
  }
  if (key?.delimiter === "") throw new Fault("invalid", "the delimiter between columns is empty");
  const delimiter = key?.delimiter === undefined ? undefined : Buffer.from(key.delimiter);
  if (time) return timeReader(columns?.[0], delimiter, continuation);
  const read: KeyOf = columns?.length ? (line) => columnsKey(line, columns, delimiter) : (line) => line;
  if (!continuation) return read;
  return (line) => (line[0] === 32 || line[0] === 9 ? undefined : read(line));
}

function timeReader(column = 1, delimiter: Buffer | undefined, continuation: boolean): KeyOf {
  return (line) => {
    const span = column === 1 ? undefined : columnsOf(line, delimiter, column)[column - 1];
    const found = column > 1 && !span ? undefined : timeKey(line, span?.[0] ?? 0);
    if (found || continuation) return found;
    const text = JSON.stringify(line.toString("utf8", 0, 100));
    throw new Fault("invalid", `the line ${text} has no time stamp in column ${column}`, {
      hint: "Time stamps are as in 2019-08-17T13:05:59Z. For lines that continue another, ask for continuation lines.",
    });
  };
}

/** One column as it is; more one after another, each closed by 0 0, and a 0 in them is 0 255. A missing column is empty. */
function columnsKey(line: Buffer, columns: readonly number[], delimiter: Buffer | undefined): Buffer {
  const spans = columnsOf(line, delimiter, Math.max(...columns));
  if (columns.length === 1) {
    const [start, end] = spans[(columns[0] ?? 1) - 1] ?? [0, 0];
    return line.subarray(start, end);
  }
  const parts = columns.flatMap((column) => {
    const [start, end] = spans[column - 1] ?? [0, 0];
    const part = line.subarray(start, end);
    return [part.includes(0) ? escaped(part) : part, CLOSE];
  });
  return Buffer.concat(parts);
}

const CLOSE = Buffer.from([0, 0]);

function escaped(part: Buffer): Buffer {
  return Buffer.from([...part].flatMap((byte) => (byte === 0 ? [0, 255] : [byte])));
}

/** The first `most` columns as `[start, end)`; the carriage return of a line end belongs to none. */
function columnsOf(line: Buffer, delimiter: Buffer | undefined, most: number): [number, number][] {
  const end = line.at(-1) === 13 ? line.length - 1 : line.length;
  return delimiter ? delimited(line, end, delimiter, most) : blankSeparated(line, end, most);
}

function delimited(line: Buffer, end: number, delimiter: Buffer, most: number): [number, number][] {
  const spans: [number, number][] = [];
  for (let start = 0; spans.length < most; ) {
    const next = line.indexOf(delimiter, start);
    if (next < 0 || next >= end) {
      spans.push([start, Math.max(start, end)]);
      break;
    }
    spans.push([start, next]);
    start = next + delimiter.length;
  }
  return spans;
}

function blankSeparated(line: Buffer, end: number, most: number): [number, number][] {
  const spans: [number, number][] = [];
  for (let at = 0; spans.length < most; ) {
    while (at < end && isBlank(line[at])) at += 1;
    if (at === end) break;
    const start = at;
    while (at < end && !isBlank(line[at])) at += 1;
    spans.push([start, at]);
  }
  return spans;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 32 || byte === 9;
}
