// `cairn store NAME FILE`: stores a file of any size in memcached.

import { Fault } from "../wire/faults.ts";
import type { Command, Invocation } from "./command.ts";
import {
  argument,
  CONNECTIONS,
  DISTRIBUTION,
  JSON_OUTPUT,
  openFiles,
  PREFIX,
  QUIET,
  report,
  SERVERS,
} from "./large-files.ts";
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
    {
      flag: "remove-first",
      type: "switch",
      default: "false",
      help: "with --replace: remove the old file before sending, for servers without memory for both",
    },
    {
      flag: "parity",
      type: "integer",
      default: "0",
      help: "so many lost chunks of each group can be rebuilt, a dead server among several too",
    },
    {
      flag: "compress",
      type: "choice",
      choices: ["off", "zstd"],
      default: "off",
      help: "where a sample becomes a tenth smaller",
    },
    { flag: "max-size", type: "bytes", default: "50mb", help: "refuse larger files" },
    { flag: "chunk-size", type: "bytes", help: "of each item  [510000, less if the server demands it]" },
    { flag: "ttl", type: "duration", help: "let the server forget it after that time  [never]" },
    DISTRIBUTION,
    CONNECTIONS,
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
      replace: replacement(invocation),
      parity: Number(values["parity"]),
      ...(values["compress"] === "zstd" ? { compress: "zstd" as const } : {}),
      ...(typeof ttl === "number" ? { ttl } : {}),
    });
    bar.end();
    const instead = {
      complete: ", replacing the old one",
      incomplete: ", replacing one that had lost chunks",
    };
    const old = stored.replaced === null ? "" : instead[stored.replaced];
    const packed =
      stored.encoding === null ? "" : `, ${bytesText(stored.storedSize)} with ${stored.encoding}`;
    const text = `stored ${name}: ${bytesText(stored.size)} in ${stored.chunks} chunks${packed}${old}`;
    report(invocation, text, stored);
  } finally {
    bar.end();
  }
}

function replacement({ values }: Invocation): boolean | "remove-first" {
  if (values["remove-first"] !== true) return values["replace"] === true;
  if (values["replace"] === true) return "remove-first";
  throw new Fault("invalid", "--remove-first goes with --replace only");
}
