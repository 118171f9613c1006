// Measures in short form: `{"total": "sum(Number of Plays)"}`.

import type { Measure } from "../../ports/aggregation.ts";
import { Fault } from "../../wire/faults.ts";

const FORM = /^\s*(sum|count|min|max|avg)\s*\(\s*(.*?)\s*\)\s*$/is;

/** `text` is a function of a column, which may stand in double quotes; `count(*)` and `count()` count rows. */
export function parseMeasure(name: string, text: string): Measure {
  const match = FORM.exec(text);
  const [of, written = ""] = [match?.[1]?.toLowerCase(), match?.[2]];
  const column = /^".*"$/s.test(written) ? written.slice(1, -1).replaceAll('""', '"') : written;
  const isRows = of === "count" && (column === "*" || column === "");
  if (!match || (column === "" && !isRows)) {
    throw new Fault("invalid", `measures: ${JSON.stringify(text.slice(0, 200))} is not a measure`, {
      hint: "Write sum(column), count(column), min(column), max(column), avg(column) or count(*).",
    });
  }
  return { name, of: of as Measure["of"], column: isRows ? null : column };
}
