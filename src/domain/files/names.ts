// The names that callers give to files: text for people, never a path.

import { Fault } from "../../wire/faults.ts";

const MAX_LENGTH = 1024;

/**
 * The file name in `raw`: what follows its last `/` or `\`.
 *
 * Fault `invalid` when nothing fit for a name is left: empty, `.`, `..`, over 1,024 characters, or with control
 * characters or half a surrogate pair in it.
 */
export function fileName(raw: string): string {
  if (raw.length > MAX_LENGTH) throw refuse(raw, `is longer than ${MAX_LENGTH} characters`);
  if (!raw.isWellFormed()) throw refuse(raw, "is not well-formed Unicode");
  const name = raw.slice(Math.max(raw.lastIndexOf("/"), raw.lastIndexOf("\\")) + 1).trim();
  if (/\p{Cc}/u.test(raw)) throw refuse(raw, "contains control characters");
  if (name === "" || name === "." || name === "..") throw refuse(raw, "names no file");
  return name;
}

function refuse(raw: string, why: string): Fault {
  return new Fault("invalid", `the file name ${JSON.stringify(raw.slice(0, 80).toWellFormed())} ${why}`);
}
