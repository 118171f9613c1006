// Addresses of unfinished uploads as files in a folder of the user's, so that any later process finds them.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { UploadStore } from "../upload-store.ts";
import { absent } from "./partial-file.ts";

/** After that an upload has expired on every server. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** `$XDG_STATE_HOME/cairn/uploads`, that is `~/.local/state/cairn/uploads`. */
export function stateFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = env.XDG_STATE_HOME || join(homedir(), ".local", "state");
  return join(base, "cairn", "uploads");
}

/** The folder is made when it is needed. */
export function folderStore(folder = stateFolder()): UploadStore {
  const pathOf = (key: string) => join(folder, `${createHash("sha256").update(key).digest("hex")}.json`);
  return {
    get: (key) => readFile(pathOf(key), "utf8").catch(absent),
    async set(key, value) {
      // Addresses of uploads are secrets: who knows one can write to it.
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await forgetOld(folder);
      const path = pathOf(key);
      await writeFile(`${path}.new`, value, { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
    async delete(key) {
      await unlink(pathOf(key)).catch(absent);
    },
  };
}

async function forgetOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^[0-9a-f]{64}\.json(\.new)?$/.test(name)) continue;
    const path = join(folder, name);
    const there = await stat(path).catch(absent);
    if (there && Date.now() - there.mtimeMs > KEPT_MS) await unlink(path).catch(absent);
  }
}
