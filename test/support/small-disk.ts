// A small disk for the tests that fill it: a tmpfs, which only root may mount.

import { test } from "bun:test";
import { type TemporaryFolder, temporaryFolder } from "./temporary.ts";

export const mayMount = process.getuid?.() === 0;

/** A test that needs such a disk; elsewhere it is skipped, and its name says why. */
export function diskTest(name: string, run: () => Promise<void>, timeoutMs = 60_000): void {
  if (mayMount) test(name, run, timeoutMs);
  else test.skip(`${name} (skipped: only root may mount a small disk)`, run);
}

/** `size` as mount has it: `8m`. The disk is gone when it is disposed of, also while a file is still open. */
export async function smallDisk(size: string): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder.path]);
  if (mount.exitCode !== 0) throw new Error(`cannot mount a tmpfs: ${mount.stderr}`);
  return {
    ...folder,
    [Symbol.asyncDispose]: async () => {
      Bun.spawnSync(["umount", "-l", folder.path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}
