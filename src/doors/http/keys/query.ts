// The query of a request for keys, read without decoding: keys are bytes, and URLSearchParams knows only UTF-8.

import { Fault } from "../../../wire/faults.ts";

/** What stands after `name=` in the URL, as it stands there; undefined if it is not given. */
export function rawParam(url: string, name: string): string | undefined {
  const start = url.indexOf("?");
  if (start < 0) return undefined;
  const [query = ""] = url.slice(start + 1).split("#", 1);
  return query
    .split("&")
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

/** `?limit=`: 1 to 1,000, or 100 when it is not given. */
export function limitOf(url: string): number {
  const text = rawParam(url, "limit") || "100";
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= 1000) return limit;
  throw new Fault("invalid", `limit is ${JSON.stringify(text)}; it must be a whole number from 1 to 1000`);
}
