// A worker's scratch folder: its own, removed at its end, or by the next worker when it died.

import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { lifeOf, processName } from "./process-names.ts";

export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** A worker in another container whose folder is younger may not have made itself known yet. */
const SETTLED_MS = 60_000;

/**
 * Makes the folder of this process in `root`, and removes those of processes that are gone. `present`: the names of processes
 * that were heard of lately, which tells of those that are not seen from here.
 */
export async function openScratch(root: string, present: ReadonlySet<string>): Promise<Scratch> {
  await mkdir(root, { recursive: true });
  const own = folderOf(processName());
  for (const name of await readdir(root)) {
    const path = join(root, name);
    if (name === own || (await isLeft(path, name, present))) await rm(path, { recursive: true, force: true });
  }
  const path = join(root, own);
  await mkdir(path);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function folderOf(process: string): string {
  return process.replaceAll(":", "~");
}

async function isLeft(path: string, folder: string, present: ReadonlySet<string>): Promise<boolean> {
  if (!folder.includes("~")) return isOfOlderCairn(folder);
  const process = folder.replaceAll("~", ":");
  const life = lifeOf(process);
  if (life !== "unknown") return life === "dead";
  return !present.has(process) && (await ageOf(path)) > SETTLED_MS;
}

/** `host-pid`, of this machine. */
function isOfOlderCairn(folder: string): boolean {
  const pid = folder.startsWith(`${hostname()}-`) ? folder.slice(hostname().length + 1) : "";
  return /^\d+$/.test(pid) && (Number(pid) === process.pid || lifeOf(`${hostname()}:${pid}`) === "dead");
}

/** In ms, since anything was made or removed directly in it. */
async function ageOf(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (error) {
    // Another worker has just removed it.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
