// How many rows a statement has scanned, as DuckDB's profile of it tells: counting them in the statement itself costs a tenth of its time.

import { text } from "./literals.ts";

interface Operator {
  readonly operator_type?: string;
  readonly operator_cardinality?: number;
  readonly children?: readonly Operator[];
}

/** From now on each statement leaves its profile at `path`. */
export function profileAt(path: string): string {
  return `SET enable_profiling = 'json'; SET profiling_output = ${text(path)};
    SET custom_profiling_settings = '{"OPERATOR_CARDINALITY": "true", "OPERATOR_TYPE": "true"}'`;
}

export const NO_PROFILE = "PRAGMA disable_profiling";

/** The rows that left the one scan of a statement. Throws where there is none, or more: no number is better than a wrong one. */
export function scannedRows(profile: string): number {
  const [scan, another] = scansOf(JSON.parse(profile) as Operator);
  const rows = scan?.operator_cardinality;
  if (another || !Number.isSafeInteger(rows)) throw new Error("the profile tells nothing of the scan");
  return rows as number;
}

function scansOf(operator: Operator): readonly Operator[] {
  if (operator.operator_type === "TABLE_SCAN") return [operator];
  return (operator.children ?? []).flatMap(scansOf);
}
