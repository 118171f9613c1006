// `cairn retrieve NAME FILE`: fetches a file out of memcached; FILE appears only when all of it was verified.

import { type LargeFiles, Replaced, type StoredFile } from "../client/memcached/index.ts";
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
import { openTarget, type Target } from "./output-file.ts";
import { bytesText, progressBar } from "./progress.ts";

export const retrieve: Command = {
  name: "retrieve",
  description:
    "Retrieves the file NAME from memcached into FILE, which is overwritten, but only once every byte was verified. '-' is standard output: verified chunk by chunk, so heed the exit code.",
  usage: "NAME FILE",
  arity: [2, 2],
  options: [SERVERS, DISTRIBUTION, CONNECTIONS, PREFIX, JSON_OUTPUT, QUIET],
  run: retrieveCommand,
};

async function retrieveCommand(invocation: Invocation): Promise<void> {
  const name = argument(invocation, 0);
  const path = argument(invocation, 1);
  await using files = await openFiles(invocation);
  const file = await retrieveAgain(files, name, path, invocation);
  if (path !== "-") {
    report(invocation, `retrieved ${name}: ${bytesText(file.size)} into ${path}, verified`, {
      ...file,
      path,
    });
  }
}

/** A file that is replaced while it is read is read again once: nothing of the first attempt is seen. */
async function retrieveAgain(
  files: LargeFiles,
  name: string,
  path: string,
  invocation: Invocation,
): Promise<StoredFile> {
  try {
    return await retrieveOnce(files, name, path, invocation);
  } catch (error) {
    if (!(error instanceof Replaced) || path === "-") throw error;
    return retrieveOnce(files, name, path, invocation);
  }
}

async function retrieveOnce(
  files: LargeFiles,
  name: string,
  path: string,
  { values, output, signal }: Invocation,
): Promise<StoredFile> {
  const bar = progressBar(output, `retrieving ${name}`, values["quiet"] === true);
  let target: Target | undefined;
  try {
    const retrieval = await files.retrieve(name, { signal, onProgress: bar.update, reuse: true });
    target = await openTarget(path, signal);
    for await (const chunk of retrieval) await target.write(chunk);
    await target.finish();
    return retrieval.file;
  } catch (error) {
    await target?.discard();
    throw error;
  } finally {
    bar.end();
  }
}
