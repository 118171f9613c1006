// An aggregation's options as the input of its job.

import { Fault } from "../wire/faults.ts";
import type { Invocation } from "./command.ts";

/** Without the file's id. What is not said is left to be detected. Fault `invalid`. */
export function aggregateInput(values: Invocation["values"]): Record<string, unknown> {
  const { where, delimiter, quote, header, encoding, compression } = values;
  const format = {
    ...(delimiter !== undefined && { delimiter: delimiter === "tab" ? "\t" : delimiter }),
    ...(quote !== undefined && { quote }),
    ...(header !== undefined && { header: header === "yes" }),
    ...(encoding !== undefined && { encoding }),
    ...(compression !== undefined && { compression }),
  };
  const query = {
    groupBy: listOf(String(values["group-by"]), ","),
    measures: Object.fromEntries(listOf(String(values.measures), ";").map(measureOf)),
    ...(where !== undefined && { where }),
  };
  const limit = values["reject-limit"];
  return {
    query,
    output: values.output,
    format,
    onBadRow: values["on-bad-row"],
    ...(limit !== undefined && { rejectLimit: limit }),
  };
}

function listOf(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** `name=sum(column)`; without a name the measure is its own. */
function measureOf(text: string): [string, string] {
  const match = /^(?:([^=]*?)\s*=\s*)?([a-z]+\s*\(.*\))$/is.exec(text);
  if (!match?.[2]) {
    throw new Fault("invalid", `--measures: ${JSON.stringify(text)} is not name=function(column)`, {
      hint: 'For example: --measures "total=sum(Plays); rows=count(*)".',
    });
  }
  return [match[1] || match[2], match[2]];
}
