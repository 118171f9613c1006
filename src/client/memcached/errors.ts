// What can go wrong with a large file, each as a class of its own: `error instanceof Evicted`.

import { Fault, type FaultOptions } from "../../wire/faults.ts";

/** `store`: a complete file of that name is there (code `exists`). */
export class AlreadyExists extends Fault {
  override readonly name = "AlreadyExists";
  constructor(file: string, options: FaultOptions = {}) {
    super("exists", `${quoted(file)} already exists`, {
      hint: "Choose another name, remove it first, or store with replace (--replace).",
      ...options,
    });
  }
}

/** No file of that name (code `not-found`). It was never stored, was removed, expired, or its manifest was evicted. */
export class NotFound extends Fault {
  override readonly name = "NotFound";
  constructor(file: string) {
    super("not-found", `${quoted(file)} is not there`, {
      hint: "It was never stored, was removed, has expired, or the server has evicted it; 'cairn list' shows what is there.",
    });
  }
}

/** Part of the file is gone (code `evicted`): nobody can read it any more. */
export class Evicted extends Fault {
  override readonly name = "Evicted";
  /** The chunks that are gone, from 0, in order. */
  readonly missing: readonly number[];
  /** How many chunks the file has. */
  readonly total: number;
  constructor(file: string, missing: readonly number[], total: number, options: EvictedOptions = {}) {
    const {
      hint = "Send what is missing from the file (cairn repair NAME FILE), or store it again: an incomplete file is replaced. More memory (memcached -m) prevents it.",
    } = options;
    const beyond = (options.parity ?? 0) > 0 ? ", more than parity can bring back" : "";
    const names = missing.length > 0 ? ` (${numbers(missing)})` : "";
    super("evicted", `${quoted(file)}: ${missing.length} of ${total} chunks were evicted${names}${beyond}`, {
      hint,
      details: { missing, total },
      cause: options.cause,
    });
    this.missing = missing;
    this.total = total;
  }
}

export interface EvictedOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Parity chunks of each group. */
  readonly parity?: number;
}

/** Stored bytes differ from what was stored (code `corrupt`): by checksum, digest, length or manifest. */
export class Corrupt extends Fault {
  override readonly name = "Corrupt";
  /** The damaged chunks, from 0; empty when it is the manifest or the whole-file digest. */
  readonly chunks: readonly number[];
  constructor(file: string, what: string, chunks: readonly number[] = []) {
    super("corrupt", `${quoted(file)} is corrupt: ${what}`, {
      hint: "Remove it and store it again, or store it with replace (--replace).",
      details: { chunks },
    });
    this.chunks = chunks;
  }
}

/** Over a limit (code `too-large`): the client's maxSize, or the server's largest item. */
export class TooLarge extends Fault {
  override readonly name = "TooLarge";
  /** In bytes; undefined where the server did not say. */
  readonly limit: number | undefined;
  constructor(message: string, limit: number | undefined, hint: string) {
    super("too-large", message, { hint, details: { limit } });
    this.limit = limit;
  }
}

/** The file was replaced or removed while it was being read, stored or removed (code `replaced`). */
export class Replaced extends Fault {
  override readonly name = "Replaced";
  constructor(file: string, doing: string) {
    super("replaced", `${quoted(file)} was replaced or removed while it was being ${doing}`, {
      hint: "Repeat the command to work with what is there now.",
    });
  }
}

/** A server refused the connection, closed it, or was silent for longer than the timeout (code `unreachable`). */
export class ServerUnreachable extends Fault {
  override readonly name: string = "ServerUnreachable";
  /** `host:port`. */
  readonly server: string;
  constructor(server: string, what: string, cause?: unknown, hint: string = IS_IT_RUNNING) {
    super("unreachable", `memcached at ${server} ${what}`, { hint, details: { server }, cause });
    this.server = server;
  }
}

const IS_IT_RUNNING =
  "Is it running? Start 'memcached' or 'cairn serve', or name other servers with --servers host:port.";

/** Something answers at that address, but not as memcached does (code `unreachable`): no memcached can be reached there. */
export class NotMemcached extends ServerUnreachable {
  override readonly name = "NotMemcached";
  /** `what` is text of ours, with what the peer sent as `shown` makes it. */
  constructor(server: string, what: string, cause?: unknown) {
    super(server, `does not speak as memcached does: ${what}`, cause, NO_MEMCACHED);
  }
}

/** The server has no memory for another item and may not evict (code `out-of-memory`). */
export class OutOfMemory extends Fault {
  override readonly name = "OutOfMemory";
  /** `host:port`. */
  readonly server: string;
  constructor(server: string, reply: string, options: FaultOptions = {}) {
    super("out-of-memory", `memcached at ${server} is full: ${reply}`, {
      hint: "Give it more memory (memcached -m), let it evict (without -M), or remove files.",
      details: { server },
      ...options,
    });
    this.server = server;
  }
}

/** The fault that an error line of the server means. */
export function replyFault(line: string, server: string): Fault {
  if (/^SERVER_ERROR out of memory/.test(line)) return new OutOfMemory(server, line);
  if (/^SERVER_ERROR object too large/.test(line)) {
    return new TooLarge(
      `memcached at ${server} refuses an item of this size: ${line}`,
      undefined,
      "Use smaller chunks (--chunk-size), or start the server with a larger item limit (memcached -I).",
    );
  }
  if (isUnauthenticated(line)) {
    return new Fault("unauthenticated", `memcached at ${server} wants a password: ${line}`, {
      hint: "Servers with passwords are not supported by this client.",
    });
  }
  if (!isErrorLine(line)) return new NotMemcached(server, `it answered "${shown(line)}"`);
  return new Fault("internal", `memcached at ${server} answered "${shown(line)}"`, { hint: NO_MEMCACHED });
}

export function isUnauthenticated(line: string): boolean {
  return /^CLIENT_ERROR unauthenticated/.test(line);
}

/** A command that a server does not know, or could not carry out. */
export function isErrorLine(line: string): boolean {
  return /^(ERROR|CLIENT_ERROR|SERVER_ERROR)\b/.test(line);
}

/** What a peer sent, for a message: what a terminal would take for a command of its own must not reach it. */
export function shown(line: string): string {
  return line.slice(0, 200).replace(/[^ -~]/g, "?");
}

const NO_MEMCACHED = "Is this port really a memcached server?";

export function quoted(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}

function numbers(missing: readonly number[]): string {
  return missing.length <= 12
    ? missing.join(", ")
    : `${missing.slice(0, 12).join(", ")} and ${missing.length - 12} more`;
}
