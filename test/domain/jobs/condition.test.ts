// The language of `where`, as trees.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseCondition } from "../../../src/domain/jobs/condition.ts";
import { isFault } from "../../../src/wire/faults.ts";

const over = (column: string, number: string) =>
  ({ is: "compare", column, operator: ">", value: { number } }) as const;

test.each([
  ["a > 1", over("a", "1")],
  ['"Number of ""Plays""" > -1.5', over('Number of "Plays"', "-1.5")],
  ["größe>1", over("größe", "1")],
  ["a != 'o''c'", { is: "compare", column: "a", operator: "<>", value: { text: "o'c" } }],
  ["a IN (1, 'x')", { is: "in", column: "a", values: [{ number: "1" }, { text: "x" }] }],
  ["a not in (1)", { is: "not", of: { is: "in", column: "a", values: [{ number: "1" }] } }],
  ["a is null", { is: "empty", column: "a" }],
  ["a Is Not Null", { is: "not", of: { is: "empty", column: "a" } }],
  ["not not a > 1", over("a", "1")],
  [
    "a > 1 or b > 2 and not (c > 3 or d > 4)",
    {
      is: "or",
      of: [
        over("a", "1"),
        {
          is: "and",
          of: [over("b", "2"), { is: "not", of: { is: "or", of: [over("c", "3"), over("d", "4")] } }],
        },
      ],
    },
  ],
])("%s", (text, expected) => {
  expect(parseCondition(text) as unknown).toEqual(expected);
});

test.each([
  ["", "expected a column at its end"],
  ["a", "expected a comparison"],
  ["a > b", "expected a number or a 'text' at \"b\""],
  ["a > 1 b > 2", 'expected and, or, or the end at "b > 2"'],
  ["a > 1)", "expected and, or, or the end"],
  ["(a > 1", "expected ) at its end"],
  ["a in ()", "expected a number or a 'text'"],
  ["a > 'x", "neither a column, a value nor a sign"],
  ["a > 1; drop table x", 'neither a column, a value nor a sign at "; drop table x"'],
  ["read_csv('x') > 1", "expected a comparison"],
  [`a > ${"9".repeat(30)}`, "numbers below 10^29 are compared"],
  [`${"(".repeat(60)}a > 1${")".repeat(60)}`, "nested too deeply"],
])("%s is refused", (text, message) => {
  expect(() => parseCondition(text)).toThrow(message);
});

test("any text is a tree or a fault", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."ab'\"(),<>=! 1.-\n", "not ", " and ", " in ") }),
      (text) => {
        try {
          parseCondition(text);
        } catch (error) {
          expect(isFault(error, "invalid")).toBe(true);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
