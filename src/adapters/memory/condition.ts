// Whether a row fulfils a condition, for the reference aggregation.

import type { Condition, ConditionValue } from "../../ports/aggregation.ts";
import { parseDecimal } from "./decimal.ts";

/** `field` gives a column's text in the row. */
export function fulfils(condition: Condition, field: (column: string) => string): boolean {
  switch (condition.is) {
    case "not":
      return !fulfils(condition.of, field);
    case "and":
      return condition.of.every((one) => fulfils(one, field));
    case "or":
      return condition.of.some((one) => fulfils(one, field));
    case "empty":
      return field(condition.column) === "";
    case "in":
      return condition.values.some((value) => compare(field(condition.column), "=", value));
    case "compare":
      return compare(field(condition.column), condition.operator, condition.value);
  }
}

type Operator = Extract<Condition, { is: "compare" }>["operator"];

function compare(text: string, operator: Operator, value: ConditionValue): boolean {
  if ("text" in value) {
    return holds(Buffer.compare(Buffer.from(text), Buffer.from(value.text)), operator);
  }
  const [a, b] = [parseDecimal(text), parseDecimal(value.number)];
  return a !== undefined && b !== undefined && holds(a < b ? -1 : a > b ? 1 : 0, operator);
}

function holds(order: number, operator: Operator): boolean {
  switch (operator) {
    case "=":
      return order === 0;
    case "<>":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}
