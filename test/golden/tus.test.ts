// The tus transcript: every request over a raw connection, every answer exactly as written.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { rawExchange, type StorageService, temporaryStorageService } from "../support/storage-service.ts";

let service: StorageService;
beforeAll(async () => {
  service = await temporaryStorageService({ limits: { maxSize: 1_000_000 } });
});
afterAll(() => service[Symbol.asyncDispose]());

const text = readFileSync(new URL("tus/protocol.http", import.meta.url), "utf8");
const taken = new Map<string, string>();

for (const section of text.split(/^== /m).slice(1)) {
  const [name = "", ...lines] = section.split("\n");
  test(name, async () => {
    const expected = lines.filter((line) => line.startsWith("<")).map((line) => line.slice(2));
    // The server closes, as it is asked to, behind the last byte.
    const answer = await rawExchange(service.port, requestOf(lines), () => false);
    const seen = normalize(answer);
    for (const [i, line] of expected.entries()) expect(seen[i] ?? "").toMatch(take(line, seen[i] ?? ""));
    expect(seen.slice(expected.length)).toEqual([]);
  });
}

function requestOf(lines: readonly string[]): string {
  const head = lines.filter((line) => /^>( |$)/.test(line)).map((line) => line.slice(2));
  const body = lines.find((line) => line.startsWith(">|"))?.slice(2) ?? "";
  const [first = "", ...headers] = head;
  return [fill(first), "Host: x", "Connection: close", ...headers, body].join("\r\n");
}

function fill(line: string): string {
  return line.replace(/\{(\w+)\}/g, (_, name: string) => taken.get(name) ?? "");
}

/** Status, headers in order, then the body if there is one. */
function normalize(answer: string): string[] {
  const end = answer.indexOf("\r\n\r\n");
  const [status = "", ...headers] = answer.slice(0, end).split("\r\n");
  const body = answer.slice(end + 4);
  const sorted = headers
    .map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
    .filter((line) => !line.startsWith("date:") && !line.startsWith("connection:"))
    .sort();
  return [status.split(" ")[1] ?? "", ...sorted, ...(body === "" ? [] : [body])];
}

/** The line as a pattern; what `{name}` stands for is remembered. */
function take(line: string, seen: string): RegExp {
  const names: string[] = [];
  const source = line.replace(/[.*+?^$()|[\]\\/]/g, "\\$&").replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return "(.+)";
  });
  const pattern = new RegExp(`^${source}$`);
  const values = pattern.exec(seen)?.slice(1) ?? [];
  for (const [i, name] of names.entries()) if (values[i] !== undefined) taken.set(name, values[i]);
  return pattern;
}
