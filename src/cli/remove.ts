// `cairn remove NAME`: removes a file from memcached, chunks and all.

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

export const remove: Command = {
  name: "remove",
  description: "Removes the file NAME from memcached, also when it is incomplete or damaged.",
  usage: "NAME",
  arity: [1, 1],
  options: [SERVERS, DISTRIBUTION, CONNECTIONS, PREFIX, JSON_OUTPUT, QUIET],
  run: removeCommand,
};

async function removeCommand(invocation: Invocation): Promise<void> {
  const name = argument(invocation, 0);
  await using files = await openFiles(invocation);
  await files.remove(name, { signal: invocation.signal });
  report(invocation, `removed ${name}`, { removed: name });
}
