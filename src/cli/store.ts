// `cairn store NAME FILE`: stores a file of any size in memcached.

import type { Command, Invocation } from "./command.ts";
import { argument, JSON_OUTPUT, openFiles, PREFIX, QUIET, report, SERVERS } from "./large-files.ts";
import { bytesText, progressBar } from "./progress.ts";

export const store: Command = {
  name: "store",
  description:
    "Stores FILE in memcached under NAME, in chunks with checksums. '-' is standard input. It is visible only when all of it is stored.",
  usage: "NAME FILE",
  arity: [2, 2],
  options: [
    SERVERS,
    { flag: "replace", type: "switch", default: "false", help: "take the place of a file of that name" },
    { flag: "max-size", type: "bytes", default: "50mb", help: "refuse larger files" },
    { flag: "chunk-size", type: "bytes", help: "of each item  [510000, less if the server demands it]" },
    { flag: "ttl", type: "duration", help: "let the server forget it after that time  [never]" },
    PREFIX,
    JSON_OUTPUT,
    QUIET,
  ],
  run: storeCommand,
};

async function storeCommand(invocation: Invocation): Promise<void> {
  const { values, output, signal } = invocation;
  const name = argument(invocation, 0);
  const file = argument(invocation, 1);
  const ttl = values["ttl"];
  await using files = await openFiles(invocation);
  const bar = progressBar(output, `storing ${name}`, values["quiet"] === true);
  try {
    const stored = await files.store(name, file === "-" ? process.stdin : file, {
      signal,
      onProgress: bar.update,
      replace: values["replace"] === true,
      ...(typeof ttl === "number" ? { ttl } : {}),
    });
    bar.end();
    const instead = {
      complete: ", replacing the old one",
      incomplete: ", replacing one that had lost chunks",
    };
    const old = stored.replaced === null ? "" : instead[stored.replaced];
    report(invocation, `stored ${name}: ${bytesText(stored.size)} in ${stored.chunks} chunks${old}`, stored);
  } finally {
    bar.end();
  }
}
