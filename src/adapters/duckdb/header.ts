// The header of a CSV: its column names, and which of them a query means.

import type { AggregationQuery, Condition, CsvFormat } from "../../ports/aggregation.ts";
import { Fault } from "../../wire/faults.ts";

/** A header longer than this is none. */
const LONGEST_HEADER = 1_048_576;

/**
 * The names of the columns: the fields of the first record that is not a blank line, or column1, column2, … for a file
 * without a header; none when there is no record.
 */
export async function readHeader(
  source: AsyncIterable<Uint8Array>,
  format: CsvFormat,
): Promise<readonly string[]> {
  const fields = await readFirstRecord(source, format);
  return format.header ? readable(fields) : fields.map((_, i) => `column${i + 1}`);
}

async function readFirstRecord(
  source: AsyncIterable<Uint8Array>,
  format: CsvFormat,
): Promise<readonly string[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of source) {
    text = (text + decoder.decode(piece, { stream: true })).replace(/^[\r\n]+/, "");
    const fields = firstRecord(text, false, format);
    if (fields) return fields;
    if (text.length > LONGEST_HEADER)
      throw new Fault("invalid", "the first line is too long to be a CSV header");
  }
  return firstRecord(text + decoder.decode(), true, format) ?? [];
}

/** Finds columns by header, without regard to case and surrounding spaces. */
export class Header {
  readonly names: readonly string[];
  readonly #positions = new Map<string, number[]>();

  constructor(names: readonly string[]) {
    this.names = names;
    for (const [i, name] of names.entries()) {
      const key = normal(name);
      this.#positions.set(key, [...(this.#positions.get(key) ?? []), i]);
    }
  }

  /** The position of a column, from 0. Fault `invalid` if there is none, or more than one. */
  position(name: string): number {
    const [position, second] = this.#positions.get(normal(name)) ?? [];
    if (position === undefined) {
      throw new Fault("invalid", `the file has no column ${JSON.stringify(name)}`, {
        hint: `Its columns are: ${this.#list()}.`,
      });
    }
    if (second === undefined) return position;
    throw new Fault("invalid", `the file has more than one column ${JSON.stringify(name)}`, {
      hint: `Its columns are: ${this.#list()}.`,
    });
  }

  /** Checks that all columns of a query are there. */
  check({ groupBy, measures, where }: AggregationQuery): void {
    if (where) for (const name of columnsIn(where)) this.position(name);
    for (const name of groupBy) this.position(name);
    for (const { column } of measures) if (column !== null) this.position(column);
  }

  #list(): string {
    const shown = this.names.slice(0, 50).map((name) => JSON.stringify(name.slice(0, 100)));
    return this.names.length > shown.length ? `${shown.join(", ")}, …` : shown.join(", ");
  }
}

function columnsIn(condition: Condition): readonly string[] {
  if (condition.is === "not") return columnsIn(condition.of);
  return "column" in condition ? [condition.column] : condition.of.flatMap(columnsIn);
}

/** What does not decode became U+FFFD. */
function readable(fields: readonly string[]): readonly string[] {
  if (!fields.some((field) => field.includes("\uFFFD"))) return fields;
  throw new Fault("invalid", "the header of the file is not UTF-8 text", {
    hint: "Save it as CSV in UTF-8.",
  });
}

/** The fields of the record that `text` begins with; undefined if it does not end in `text`. */
function firstRecord(text: string, whole: boolean, { delimiter, quote }: CsvFormat): string[] | undefined {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char !== quote) field += char;
      else if (text[i + 1] === quote) field += text[++i];
      else if (i + 1 === text.length && !whole) return undefined;
      else quoted = false;
    } else if (char === quote && field.trim() === "") {
      quoted = true;
      field = "";
    } else if (char === delimiter) {
      fields.push(field);
      field = "";
    } else if (char === "\n" || char === "\r") {
      return [...fields, field];
    } else field += char;
  }
  return whole && text !== "" ? [...fields, field] : undefined;
}

function normal(name: string): string {
  return name.trim().toLowerCase();
}
