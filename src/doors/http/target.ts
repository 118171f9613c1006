// What a request asks for, read from its target alone: the Host before it in `url` is the client's word, and may be no host at all.

import { Fault } from "../../wire/faults.ts";

/** The path as it was sent. */
export function pathOf(url: string): string {
  return targetOf(url).split("?", 1)[0] ?? "";
}

/** The last part of the path, decoded. Fault `invalid` for escapes that are no UTF-8, which Bun's `params` only replace. */
export function lastPartOf(url: string): string {
  const path = pathOf(url);
  const part = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new Fault(
      "invalid",
      `${JSON.stringify(part.slice(0, 80))} in the URL is not UTF-8 in percent-encoding`,
      {
        hint: "Write a % itself as %25.",
        cause,
      },
    );
  }
}

/** The parameters of the query; of equal names the last. */
export function queryOf(url: string): Record<string, string> {
  const target = targetOf(url);
  const start = target.indexOf("?");
  return start < 0 ? {} : Object.fromEntries(new URLSearchParams(target.slice(start + 1)));
}

/** From the first slash behind `http://host` on. */
function targetOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  return start < 0 ? "/" : url.slice(start);
}
