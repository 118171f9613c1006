// Names of files that are not whole yet, and who removes those of processes that are no more.

import { readlinkSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "./durable.ts";

/** Of the PID namespace: a pid of another container says nothing here. Empty where there is none to be known. */
const NAMESPACE = namespaceOf();
/** Tells this run's files from those of a crashed one that had the same process id (1 in a container). */
const RUN = `${crypto.randomUUID().slice(0, 8)}${NAMESPACE && `n${NAMESPACE}`}`;
/** Nothing was written to it for so long: whoever did, in whatever container, does no more. */
const ABANDONED_MS = 86_400_000;

export function temporaryName(): string {
  return `${process.pid}-${RUN}-${crypto.randomUUID()}`;
}

/** Removes the files of processes that are no more; a living one (a worker) is still writing its own. */
export async function sweepTemporary(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!(await isInUse(folder, name))) await rm(join(folder, name), { force: true });
  }
}

async function isInUse(folder: string, name: string): Promise<boolean> {
  const [pid, run = ""] = name.split("-", 2);
  const namespace = run.split("n", 2)[1];
  if (namespace !== undefined && namespace !== NAMESPACE) return isRecent(join(folder, name));
  return Number(pid) === process.pid ? run === RUN : isAlive(Number(pid));
}

async function isRecent(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs < ABANDONED_MS;
  } catch (error) {
    // It has become whole, or was removed.
    if (isMissing(error)) return true;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function namespaceOf(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
  } catch {
    return ""; // another kind of system
  }
}
