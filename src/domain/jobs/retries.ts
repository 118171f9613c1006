// Whether a failed attempt is worth another one, and when.

import type { JobError } from "../../ports/queue.ts";
import type { Code, Fault } from "../../wire/faults.ts";

/** Faults of the job itself: the same input would fail the same way again. */
const HOPELESS: ReadonlySet<Code> = new Set([
  "invalid",
  "unsupported-media",
  "forbidden",
  "not-found",
  "gone",
  "too-large",
  "corrupt",
  "cancelled",
]);

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;

/** When to try again (ms since 1970) after attempt number `attempt` (from 1); null: never. */
export function nextAttempt(fault: Fault, attempt: number, now: number): number | null {
  if (HOPELESS.has(fault.code)) return null;
  return now + Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
}

export function jobError(fault: Fault): JobError {
  return { code: fault.code, message: fault.message, hint: fault.hint ?? null };
}
