// A condition as SQL: columns by position, values as literals, nothing of the caller's text as code.

import type { Condition, ConditionValue } from "../../ports/aggregation.ts";
import type { Header } from "./header.ts";
import { DECIMAL, text } from "./literals.ts";

export function conditionSql(condition: Condition, header: Header): string {
  switch (condition.is) {
    case "not":
      return `NOT (${conditionSql(condition.of, header)})`;
    case "and":
    case "or":
      return condition.of.map((one) => `(${conditionSql(one, header)})`).join(` ${condition.is} `);
    case "empty":
      return `${columnOf(condition.column, header)} = ''`;
    case "in":
      return condition.values
        .map((value) => `(${compare(columnOf(condition.column, header), "=", value)})`)
        .join(" OR ");
    case "compare":
      return compare(columnOf(condition.column, header), condition.operator, condition.value);
  }
}

/** The columns that a condition reads, as they are called in the statements. */
export function conditionColumns(condition: Condition, header: Header): string[] {
  if (condition.is === "not") return conditionColumns(condition.of, header);
  if ("column" in condition) return [columnOf(condition.column, header)];
  return condition.of.flatMap((one) => conditionColumns(one, header));
}

function columnOf(name: string, header: Header): string {
  return `c${header.position(name)}`;
}

/** Through 64-bit integers where they suffice, as in the sums: DECIMAL(38) is ten times slower. */
function compare(column: string, operator: string, value: ConditionValue): string {
  if ("text" in value) return `${column} ${operator} ${text(value.text)}`;
  const exact = `TRY_CAST(${column} AS ${DECIMAL}) ${operator} CAST(${text(value.number)} AS ${DECIMAL})`;
  if (!/^[+-]?\d{1,18}$/.test(value.number)) return `coalesce(${exact}, false)`;
  const integer = `TRY_CAST(${column} AS BIGINT)`;
  return `coalesce(CASE WHEN CAST(${integer} AS VARCHAR) = ${column} THEN ${integer} ${operator} ${BigInt(value.number)}
    ELSE ${exact} END, false)`;
}
