// `cairn gc`: removes what stores that died have left in memcached.

import type { Command, Invocation } from "./command.ts";
import {
  CONNECTIONS,
  DISTRIBUTION,
  JSON_OUTPUT,
  openFiles,
  PREFIX,
  QUIET,
  report,
  SERVERS,
} from "./large-files.ts";

export const gc: Command = {
  name: "gc",
  description:
    "Removes chunks in memcached that belong to no file: those of stores that were killed. Lists all keys of every server.",
  usage: "",
  arity: [0, 0],
  options: [
    {
      flag: "min-age",
      type: "duration",
      default: "1h",
      help: "spare what was written or read since: a store under way has no manifest yet",
    },
    { flag: "dry-run", type: "switch", default: "false", help: "only count; remove nothing" },
    SERVERS,
    DISTRIBUTION,
    CONNECTIONS,
    PREFIX,
    JSON_OUTPUT,
    QUIET,
  ],
  run: gcCommand,
};

async function gcCommand(invocation: Invocation): Promise<void> {
  const { values, signal } = invocation;
  const dryRun = values["dry-run"] === true;
  await using files = await openFiles(invocation);
  const found = await files.collectGarbage({ signal, dryRun, minAge: Number(values["min-age"]) });
  const done = dryRun ? "there are" : "removed";
  report(invocation, `${done} ${found.items} items that ${found.versions} stores have left`, {
    ...found,
    dryRun,
  });
}
