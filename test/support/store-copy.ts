// A store's files as they are at this moment, in another folder: what a crash of the process would leave.

import { cpSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { temporaryFolder } from "./temporary.ts";

export interface StoreCopy extends AsyncDisposable {
  /** The copied database; its journal lies beside it. */
  readonly path: string;
}

/** Copies the database at `path` and all that lies beside it under its name, but not its lock. */
export async function copyStore(path: string): Promise<StoreCopy> {
  const folder = await temporaryFolder();
  const name = basename(path);
  for (const file of readdirSync(dirname(path))) {
    if (file.startsWith(name) && !file.endsWith(".lock"))
      cpSync(join(dirname(path), file), folder.at(file), { recursive: true });
  }
  return { path: folder.at(name), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
