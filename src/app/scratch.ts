// A worker's scratch folder: its own, removed at its end, or by the next worker when it died.

import { mkdir, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** Makes the folder of this process in `root`, and removes those of processes of this machine that are gone. */
export async function openScratch(root: string, pid: number = process.pid): Promise<Scratch> {
  await mkdir(root, { recursive: true });
  const prefix = `${hostname()}-`;
  for (const name of await readdir(root)) {
    const owner = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    // A folder of this very pid is left over from before the machine (or the container) was restarted.
    if (owner === pid || (Number.isInteger(owner) && !isAlive(owner))) {
      await rm(join(root, name), { recursive: true, force: true });
    }
  }
  const path = join(root, `${prefix}${pid}`);
  await mkdir(path);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user exists, too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
