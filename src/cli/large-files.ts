// What the commands for large files share: the options that say where they are, and opening them.

import { type LargeFiles, openLargeFiles } from "../client/memcached/index.ts";
import type { Invocation } from "./command.ts";
import type { Option } from "./option.ts";

export const SERVERS: Option = {
  flag: "servers",
  type: "text",
  default: "127.0.0.1:11211",
  word: "HOST:PORT,…",
  help: "the memcached servers; several are one pool, always named in the same order",
};
export const DISTRIBUTION: Option = {
  flag: "distribution",
  type: "choice",
  choices: ["ketama", "ketama-weighted"],
  default: "ketama",
  help: "how keys are spread over several servers, as libmemcached names it",
};
export const CONNECTIONS: Option = {
  flag: "connections",
  type: "integer",
  default: "2",
  help: "to each server, 1 to 16: chunks go over all of them side by side",
};
export const PREFIX: Option = {
  flag: "prefix",
  type: "text",
  default: "cairn",
  help: "the beginning of all keys on the server",
};
export const JSON_OUTPUT: Option = {
  flag: "json",
  type: "switch",
  default: "false",
  help: "print the result as one JSON object per line",
};
export const QUIET: Option = {
  flag: "quiet",
  type: "switch",
  default: "false",
  help: "print errors only; also the default in pipes",
};

/** From the options above, and `chunk-size` and `max-size` where the command has them. */
export function openFiles({ values }: Invocation): Promise<LargeFiles> {
  const chunkSize = values["chunk-size"];
  const maxSize = values["max-size"];
  return openLargeFiles({
    servers: String(values["servers"])
      .split(",")
      .map((server) => server.trim())
      .filter((server) => server !== ""),
    prefix: String(values["prefix"]),
    connections: Number(values["connections"]),
    distribution: values["distribution"] === "ketama-weighted" ? "ketama-weighted" : "ketama",
    ...(typeof chunkSize === "number" ? { chunkSize } : {}),
    ...(typeof maxSize === "number" ? { maxSize } : {}),
  });
}

/** What was done: as a note for people (silent in pipes and with --quiet), or as a line for programs (--json). */
export function report({ values, output }: Invocation, text: string, facts: object): void {
  if (values["json"] === true) output.line(JSON.stringify(facts));
  else if (values["quiet"] !== true) output.note(text);
}

/** The arguments by their place; main has counted them. */
export function argument({ positionals }: Invocation, index: number): string {
  return positionals[index] ?? "";
}
