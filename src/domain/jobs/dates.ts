// Calendar dates as text, `YYYY-MM-DD`: their order is the order of the text.

import { Fault } from "../../wire/faults.ts";

/** An ISO 8601 calendar date that exists. */
export function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!match) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
}

/** Fault `invalid`, in words a caller can act on, unless `text` is such a date. */
export function requireDate(name: string, text: string): string {
  if (isDate(text)) return text;
  const why = /^\d{4}-\d{2}-\d{2}$/.test(text) ? "there is no such day" : "it is not a date as in 2019-08-17";
  throw new Fault("invalid", `${name}: ${JSON.stringify(text.slice(0, 100))}: ${why}`, {
    hint: "Give an ISO 8601 calendar date, YYYY-MM-DD.",
  });
}

function daysOf(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}
