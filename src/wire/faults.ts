// The one error class of the project, with the closed list of codes that every door must answer.

/**
 * What went wrong, in words that each door translates once: an HTTP status, a memcached line, an exit code.
 * A new code does not compile until each of those tables answers it.
 */
export const CODES = [
  "invalid", // malformed or out of range; the caller must change the request
  "unsupported-media", // the body is of a type that this route does not take
  "unauthenticated", // credentials are missing or wrong
  "forbidden", // known caller, refused action
  "not-found", // no such thing
  "not-ready", // exists, but is not finished yet
  "exists", // cannot be created: it is there already
  "conflict", // contradicts what is stored, or was changed by somebody else meanwhile
  "gone", // was there; expired or removed
  "precondition", // an If-… condition does not hold
  "too-large", // over a limit that the message names
  "range", // the asked byte range lies outside
  "mismatch", // a declared digest differs from that of the bytes
  "checksum", // the checksum of one piece differs; the piece alone is discarded
  "corrupt", // stored bytes differ from what was stored
  "evicted", // part of a file chunked into memcached is no longer there
  "replaced", // changed while it was being read
  "no-space", // the disk (or a quota) is full
  "out-of-memory", // a memcached server could not store the item
  "busy", // a limit on concurrency was reached; try again
  "unreachable", // a peer (server, bucket, database) does not answer
  "cancelled", // the caller or an operator asked to stop
  "internal", // a defect, or an error of the system with no better word
] as const;

export type Code = (typeof CODES)[number];

export interface FaultOptions {
  /** What the reader can do next, as a sentence. */
  readonly hint?: string;
  /** Machine-readable facts, e.g. `{ missing: [17, 18], total: 103 }`. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** An error with a code. The message echoes the offending value and is fit for the caller's eyes. */
export class Fault extends Error {
  override readonly name: string = "Fault";
  readonly code: Code;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: Code, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }
}

/** True when `error` is a fault, and of that code if one is given. */
export function isFault(error: unknown, code?: Code): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}

/** The fault itself, or the error wrapped as `internal` with its cause kept. An abort becomes `cancelled`. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const { name, message, code } = describe(error);
  if (name === "AbortError") return new Fault("cancelled", message, { cause: error });
  if (code === "ENOSPC" || code === "EDQUOT" || code === "SQLITE_FULL") {
    return new Fault("no-space", "no space left on the disk", {
      hint: "Free some space, then repeat the request; nothing that was acknowledged is lost.",
      cause: error,
    });
  }
  if (code === "EMFILE" || code === "ENFILE") {
    return new Fault("busy", "too many files are open", {
      hint: "Try again; if it stays so, raise the server's limit of open files (ulimit -n).",
      cause: error,
    });
  }
  return new Fault("internal", message, { cause: error });
}

function describe(error: unknown): { name: string; message: string; code: string | undefined } {
  if (!(error instanceof Error)) return { name: "", message: String(error), code: undefined };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { name: error.name, message: error.message, code };
}
