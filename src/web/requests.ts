// Requests to the server's own JSON interface, with its errors kept in its own words.

import { CODES, type Code, Fault } from "../wire/faults.ts";

/** The JSON that `path` answers. A Fault carries the server's message and hint. */
export async function fetchJson<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (cause instanceof Error && cause.name === "AbortError") throw cause;
    throw unreachable(cause);
  }
  const text = await response.text();
  if (!response.ok) throw faultOf(response.status, text);
  return (text === "" ? null : JSON.parse(text)) as T;
}

export function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return fetchJson<T>(path, {
    ...(signal && { signal }),
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** `path` with a query; empty values are left out. */
export function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const params = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  return params.size === 0 ? path : `${path}?${params}`;
}

export function unreachable(cause: unknown): Fault {
  return new Fault("unreachable", "The server does not answer.", {
    hint: "Is cairn still running? This page tries again by itself.",
    cause,
  });
}

/** An error answer in any of the three wordings that our protocols use. */
export function faultOf(status: number, text: string): Fault {
  const body = parseObject(text);
  const inner = parseObject(body?.error);
  const message =
    textOf(inner?.message) ??
    textOf(body?.error) ??
    textOf(body?.message) ??
    `The server answered ${status}.`;
  const hint = textOf(inner?.hint) ?? textOf(body?.hint);
  return new Fault(codeOf(textOf(inner?.code), status), message, hint === undefined ? {} : { hint });
}

function codeOf(code: string | undefined, status: number): Code {
  const known = CODES.find((candidate) => candidate === code);
  if (known) return known;
  if (status === 404) return "not-found";
  if (status === 429 || status === 503) return "busy";
  return status >= 500 ? "internal" : "invalid";
}

function parseObject(value: unknown): Record<string, unknown> | undefined {
  if (typeof value === "string") {
    if (!value.trimStart().startsWith("{")) return undefined;
    try {
      return parseObject(JSON.parse(value));
    } catch (cause) {
      if (cause instanceof SyntaxError) return undefined;
      throw cause;
    }
  }
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
