// `cairn list`: the large files in memcached.

import type { Command, Invocation } from "./command.ts";
import { CONNECTIONS, DISTRIBUTION, JSON_OUTPUT, openFiles, PREFIX, SERVERS } from "./large-files.ts";

export const list: Command = {
  name: "list",
  description:
    "Lists the large files on the server: bytes, time of storing, SHA-256 and name. It does not look whether chunks were evicted; 'cairn verify' does.",
  usage: "",
  arity: [0, 0],
  options: [SERVERS, DISTRIBUTION, CONNECTIONS, PREFIX, JSON_OUTPUT],
  run: listCommand,
};

async function listCommand(invocation: Invocation): Promise<void> {
  const { values, output, signal } = invocation;
  await using files = await openFiles(invocation);
  for await (const file of files.list({ signal })) {
    if (output.readerGone) return;
    if (values["json"] === true) {
      output.line(JSON.stringify(file));
      continue;
    }
    const time = new Date(file.storedAt).toISOString().slice(0, 19);
    output.line(
      `${String(file.size).padStart(12)}  ${time}Z  ${file.sha256.slice(0, 16)}  ${shown(file.name)}`,
    );
  }
}

/** A name with control characters is shown as JSON, so that it cannot play with the terminal. */
function shown(name: string): string {
  return /\p{C}/u.test(name) ? JSON.stringify(name) : name;
}
