// The fault of an input that is not sorted: which, at which line, and both lines.

import { Fault } from "../wire/faults.ts";

/** `line`: the number, from 1 on, of the line that belongs before the one above it. The lines may be cut. */
export function unsortedFault(name: string, line: number, previous: Uint8Array, found: Uint8Array): Fault {
  const [before, after] = [excerpt(previous), excerpt(found)];
  return new Fault(
    "invalid",
    `${name} is not sorted: line ${line}, ${after}, belongs before line ${line - 1}, ${before}`,
    {
      hint: `Sort it first (by its bytes: LC_ALL=C sort -o FILE FILE), or let the merge sort it (unsorted: sort).`,
      details: { source: name, line, previous: before, found: after },
    },
  );
}

export function isUnsorted(error: unknown): boolean {
  return error instanceof Fault && error.details?.previous !== undefined;
}

/** The beginning of a line as text, at most 200 characters. */
function excerpt(line: Uint8Array): string {
  const text = JSON.stringify(new TextDecoder().decode(line.subarray(0, 800)));
  return text.length > 202 ? `${text.slice(0, 200)}…"` : text;
}
