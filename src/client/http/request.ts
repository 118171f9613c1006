// One HTTP request: its failures as Faults, and an end to it when the server falls silent.

import { CODES, type Code, Fault, isFault } from "../../wire/faults.ts";

export interface RequestSettings {
  /** Sent with every request, e.g. `{ authorization: "Bearer …" }`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds that a server may be silent while it owes something. */
  readonly idleTimeout: number;
  readonly signal: AbortSignal | undefined;
}

/** An answer whose body is still to be read. `close` ends the exchange, read or not. */
export interface Exchange {
  readonly response: Response;
  /** Restarts the wait: something has arrived. */
  alive(): void;
  /** What reading the body threw, as a Fault. */
  faultOf(error: unknown): unknown;
  close(): void;
}

/** Sends it and waits for the head of the answer, whatever its status. Fault `unreachable` when none comes. */
export async function open(
  url: string,
  init: RequestInit,
  settings: RequestSettings,
  timeout = settings.idleTimeout,
): Promise<Exchange> {
  settings.signal?.throwIfAborted();
  const watch = new Watch(timeout, settings.signal);
  const faultOf = (error: unknown) => watch.faultOf(url, error);
  try {
    const headers = { ...settings.headers, ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(url, { ...init, headers, signal: watch.signal });
    watch.expect(settings.idleTimeout);
    return { response, alive: () => watch.alive(), faultOf, close: () => watch.close() };
  } catch (error) {
    watch.close();
    throw faultOf(error);
  }
}

/** Sends it and reads the whole, small answer. A status of 400 or more is a Fault in the server's words. */
export async function exchange(
  url: string,
  init: RequestInit,
  settings: RequestSettings,
  timeout = settings.idleTimeout,
): Promise<{ readonly response: Response; readonly text: string }> {
  const opened = await open(url, init, settings, timeout);
  try {
    const text = init.method === "HEAD" ? "" : await opened.response.text();
    if (!opened.response.ok) throw answerFault(url, opened.response, text);
    return { response: opened.response, text };
  } catch (error) {
    throw opened.faultOf(error);
  } finally {
    opened.close();
  }
}

/** An answer of 400 or more; `details.status` is its status, `details.retryAfter` milliseconds if it said so. */
export function answerFault(url: string, response: Response, text: string): Fault {
  const { status } = response;
  const said = wordsOf(text);
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? { retryAfter: seconds * 1_000 } : {};
  const message = said.message ?? `${url} answered ${status}`;
  return new Fault(codeOf(status, said.code), message, {
    ...(said.hint === undefined ? {} : { hint: said.hint }),
    details: { url, status, ...retryAfter },
  });
}

/** True for what another try may mend: no answer, a busy or failing server. */
export function isPassing(error: unknown): error is Fault {
  if (!isFault(error)) return false;
  if (error.code === "unreachable" || error.code === "busy") return true;
  const status = error.details?.status;
  return error.code === "internal" && typeof status === "number" && status >= 500;
}

/** Aborts a request when the caller does, or when nothing has come for too long. */
class Watch {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#outer?.reason);
  #timeout: number;
  #seenAt = performance.now();
  #timer: ReturnType<typeof setTimeout>;

  constructor(timeout: number, outer: AbortSignal | undefined) {
    this.#timeout = timeout;
    this.#outer = outer;
    outer?.addEventListener("abort", this.#onAbort, { once: true });
    this.#timer = setTimeout(this.#check, timeout);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  alive(): void {
    this.#seenAt = performance.now();
  }

  /** From now on, so long. */
  expect(timeout: number): void {
    this.alive();
    this.#timeout = timeout;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#check, timeout);
  }

  faultOf(url: string, error: unknown): unknown {
    if (this.#outer?.aborted) return this.#outer.reason;
    if (error instanceof Fault) return error;
    const { reason } = this.#controller.signal;
    if (reason instanceof Silence) {
      return unreachable(url, `said nothing for ${Math.round(this.#timeout / 1_000)} s`, error);
    }
    return unreachable(url, `does not answer: ${wordsOfError(error)}`, error);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onAbort);
    if (!this.#controller.signal.aborted) this.#controller.abort();
  }

  // One timer that is moved on, not one for every piece that arrives.
  readonly #check = () => {
    const left = this.#seenAt + this.#timeout - performance.now();
    if (left > 0) this.#timer = setTimeout(this.#check, left);
    else this.#controller.abort(new Silence());
  };
}

class Silence extends Error {}

export function unreachable(url: string, what: string, cause?: unknown): Fault {
  return new Fault("unreachable", `${url} ${what}`, {
    hint: "Is the server running, and is this its address?",
    details: { url },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** `fetch failed` tells nothing; its cause does. */
function wordsOfError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}

interface Words {
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly hint: string | undefined;
}

/** Our own `{"error": {code, message, hint}}`, or the plain text of another server. */
function wordsOf(text: string): Words {
  const none = { code: undefined, message: undefined, hint: undefined };
  const plain = text.trim();
  if (!plain.startsWith("{")) {
    const message = plain !== "" && plain.length < 300 && !plain.startsWith("<") ? plain : undefined;
    return { ...none, message };
  }
  try {
    const body: { error?: unknown; message?: unknown } = JSON.parse(plain);
    const inner = (typeof body.error === "object" && body.error !== null ? body.error : body) as Record<
      string,
      unknown
    >;
    return { code: textOf(inner.code), message: textOf(inner.message), hint: textOf(inner.hint) };
  } catch (error) {
    if (error instanceof SyntaxError) return none;
    throw error;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

const BY_STATUS: Readonly<Record<number, Code>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not-found",
  408: "busy",
  409: "conflict",
  410: "gone",
  412: "precondition",
  413: "too-large",
  415: "unsupported-media",
  416: "range",
  423: "busy",
  425: "busy",
  429: "busy",
  460: "checksum",
  502: "unreachable",
  503: "busy",
  504: "unreachable",
  507: "no-space",
};

function codeOf(status: number, said: string | undefined): Code {
  const known = CODES.find((code) => code === said);
  return known ?? BY_STATUS[status] ?? (status >= 500 ? "internal" : "invalid");
}
