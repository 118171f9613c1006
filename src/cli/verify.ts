// `cairn verify NAME`: reads a file in memcached to its end and checks every byte.

import type { Command, Invocation } from "./command.ts";
import {
  argument,
  CONNECTIONS,
  DISTRIBUTION,
  JSON_OUTPUT,
  openFiles,
  PREFIX,
  QUIET,
  SERVERS,
} from "./large-files.ts";
import { bytesText, progressBar } from "./progress.ts";

export const verify: Command = {
  name: "verify",
  description:
    "Reads the file NAME from memcached and checks every chunk and the whole; names what is missing or damaged.",
  usage: "NAME",
  arity: [1, 1],
  options: [SERVERS, DISTRIBUTION, CONNECTIONS, PREFIX, JSON_OUTPUT, QUIET],
  run: verifyCommand,
};

async function verifyCommand(invocation: Invocation): Promise<void> {
  const { values, output, signal } = invocation;
  const name = argument(invocation, 0);
  const quiet = values["quiet"] === true;
  await using files = await openFiles(invocation);
  const bar = progressBar(output, `verifying ${name}`, quiet);
  try {
    const file = await files.verify(name, { signal, onProgress: bar.update });
    bar.end();
    if (values["json"] === true) output.line(JSON.stringify(file));
    else if (!quiet) {
      const count = file.rebuilt.length;
      const rebuilt = count === 0 ? "" : `; ${count} of ${file.chunks} chunks were rebuilt by parity`;
      output.line(`${name} is whole: ${bytesText(file.size)}, sha256 ${file.sha256}${rebuilt}`);
    }
  } finally {
    bar.end();
  }
}
