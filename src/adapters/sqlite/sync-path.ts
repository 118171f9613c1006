// Brings a file, or the names in a folder, to the disk.

import { closeSync, fsyncSync, openSync } from "node:fs";

/** Waits: for what happens seldom. */
export function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
