// `cairn repair NAME [FILE]`: sends again what is missing or damaged of a file in memcached.

import { Evicted, type Repaired } from "../client/memcached/index.ts";
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
import { progressBar } from "./progress.ts";

export const repair: Command = {
  name: "repair",
  description:
    "Reads the file NAME in memcached and sends again only the chunks that are missing or damaged: rebuilt by parity, or taken from FILE, which must be what was stored ('-' is standard input).",
  usage: "NAME [FILE]",
  arity: [1, 2],
  options: [SERVERS, DISTRIBUTION, CONNECTIONS, PREFIX, JSON_OUTPUT, QUIET],
  run: repairCommand,
};

async function repairCommand(invocation: Invocation): Promise<void> {
  const { positionals, values, output, signal } = invocation;
  const name = argument(invocation, 0);
  const file = positionals[1];
  await using files = await openFiles(invocation);
  const bar = progressBar(output, `checking ${name}`, values["quiet"] === true);
  try {
    const source = file === undefined ? {} : { source: file === "-" ? process.stdin : file };
    const repaired = await files.repair(name, { signal, onProgress: bar.update, ...source });
    bar.end();
    if (repaired.missing.length > 0) throw stillMissing(repaired);
    report(invocation, whatWasDone(repaired), repaired);
  } finally {
    bar.end();
  }
}

function whatWasDone({ name, repaired, chunks }: Repaired): string {
  if (repaired.length === 0) return `${name} is whole: nothing was missing`;
  const named = repaired.map((slot) => (slot < chunks ? `${slot}` : `parity ${slot - chunks}`));
  const list = named.slice(0, 12).join(", ") + (named.length > 12 ? ", …" : "");
  return `repaired ${name}: ${repaired.length} chunks were sent again (${list})`;
}

function stillMissing({ name, missing, chunks, parity }: Repaired): Evicted {
  const lost = missing.filter((slot) => slot < chunks);
  return new Evicted(name, lost, chunks, {
    hint: "Name the file that it was made of: cairn repair NAME FILE. If that was done, the servers have no memory for it (memcached -m).",
    parity,
  });
}
