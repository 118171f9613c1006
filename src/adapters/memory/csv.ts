// A CSV reader for the reference aggregation: plain and whole, RFC 4180 with `\n`, `\r\n` or `\r` line ends.

import type { CsvFormat } from "../../ports/aggregation.ts";

export interface CsvRecord {
  /** From 1; line breaks inside quotes do not count. */
  readonly line: number;
  /** Of its first character. */
  readonly start: number;
  readonly fields: readonly string[];
  readonly text: string;
  /** Quoting that RFC 4180 does not know. */
  readonly malformed: boolean;
}

export const PLAIN: CsvFormat = { delimiter: ",", quote: '"', header: true };
const LONGEST_FIELD = 1_048_576;

/** The records of `text`; blank lines are counted, but are no records. */
export function readRecords(text: string, format: CsvFormat = PLAIN): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  for (let start = text.startsWith("\uFEFF") ? 1 : 0; start < text.length; line++) {
    const end = endOfRecord(text, start, format.quote);
    const record = text.slice(start, end);
    if (record !== "") records.push({ line, start, text: record, ...fieldsOf(record, format) });
    start = end + (text.startsWith("\r\n", end) ? 2 : 1);
  }
  return records;
}

/** One record, with `\n`. */
export function writeRecord(fields: readonly string[]): string {
  const quoted = fields.map((field) => (/[",\r\n#]/.test(field) || field === "" ? quote(field) : field));
  return `${quoted.join(",")}\n`;
}

function quote(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

/** A quote that is not closed, or not within the longest field, ends its record with its line. */
function endOfRecord(text: string, start: number, quoteSign: string): number {
  let opened = -1;
  let lineEnd = -1;
  for (let i = start; i < text.length && !(opened >= 0 && i - opened > LONGEST_FIELD); i++) {
    const isEnd = text[i] === "\n" || text[i] === "\r";
    if (text[i] === quoteSign) [opened, lineEnd] = [opened < 0 ? i : -1, -1];
    else if (isEnd && opened < 0) return i;
    else if (isEnd && lineEnd < 0) lineEnd = i;
  }
  return opened >= 0 && lineEnd >= 0 ? lineEnd : text.length;
}

function fieldsOf(
  record: string,
  { delimiter, quote: quoteSign }: CsvFormat,
): { readonly fields: string[]; readonly malformed: boolean } {
  const fields: string[] = [];
  let malformed = false;
  for (let at = 0; at <= record.length; at++) {
    const end = record[at] === quoteSign ? endOfQuoted(record, at, delimiter, quoteSign) : -1;
    if (end >= 0) {
      fields.push(record.slice(at + 1, end - 1).replaceAll(quoteSign + quoteSign, quoteSign));
      at = end;
    } else {
      if (record[at] === quoteSign) malformed = true;
      const found = record.indexOf(delimiter, at);
      const fieldEnd = found < 0 ? record.length : found;
      fields.push(record.slice(at, fieldEnd));
      at = fieldEnd;
    }
  }
  return { fields, malformed };
}

/** Behind the closing quote of the field that opens at `at`; -1 if no delimiter or end follows it. */
function endOfQuoted(record: string, at: number, delimiter: string, quoteSign: string): number {
  for (let i = at + 1; i < record.length; i++) {
    if (record[i] !== quoteSign) continue;
    if (record[i + 1] === quoteSign) i++;
    else return i + 1 === record.length || record[i + 1] === delimiter ? i + 1 : -1;
  }
  return -1;
}
