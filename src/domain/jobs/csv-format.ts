// How a CSV is written, by the look of its beginning, where the caller did not say.

import type { CsvFormat } from "../../ports/aggregation.ts";

const DELIMITERS = [",", ";", "\t", "|"];

export interface AskedFormat {
  readonly delimiter?: string | undefined;
  readonly quote?: string | undefined;
  readonly header?: boolean | undefined;
}

/**
 * The delimiter is the one that the first line has most of, outside of quotes. There is a header unless all columns that are
 * `asked` for are called column1, column2, … and the first line does not call them so.
 */
export function formatOf(sample: string, asked: readonly string[], given: AskedFormat): CsvFormat {
  const line = sample.replace(/^[\uFEFF\r\n]+/, "").split(/[\r\n]/, 1)[0] ?? "";
  const single = given.delimiter === '"' || /^'[^']*'([,;\t|]|$)/.test(line);
  const quote = given.quote ?? (single && given.delimiter !== "'" ? "'" : '"');
  const delimiter = given.delimiter ?? delimiterOf(line, quote);
  const first = new Set(line.split(delimiter).map((field) => field.trim().toLowerCase()));
  const numbered = (name: string) => /^column\d+$/i.test(name) && !first.has(name.toLowerCase());
  const header = given.header ?? !(asked.length > 0 && asked.every(numbered));
  return { delimiter, quote, header };
}

function delimiterOf(line: string, quote: string): string {
  const counts = new Map(DELIMITERS.filter((one) => one !== quote).map((one) => [one, 0]));
  let quoted = false;
  for (const char of line) {
    if (char === quote) quoted = !quoted;
    else if (!quoted && counts.has(char)) counts.set(char, (counts.get(char) ?? 0) + 1);
  }
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}
