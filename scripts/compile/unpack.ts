// In an executable of one file: lays files that it carries into a folder, for those who need real files.

import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Of each file its path in the folder, where the executable has it, and its bytes. */
export type Carried = readonly (readonly [path: string, from: string, size: number])[];

/**
 * The folder, which is kept for the next start: `name` must change with what is in it. Where the user's cache cannot be
 * written to it is a temporary one, for this process only.
 */
export function unpack(name: string, files: Carried): string {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const folder = join(cache, "cairn", name);
  try {
    if (isWhole(folder, files)) return folder;
    mkdirSync(dirname(folder), { recursive: true });
    const fresh = mkdtempSync(`${folder}.`);
    write(fresh, files);
    put(fresh, folder, files);
    return folder;
  } catch {
    const own = mkdtempSync(join(tmpdir(), "cairn-"));
    process.on("exit", () => rmSync(own, { recursive: true, force: true }));
    write(own, files);
    return own;
  }
}

/** Another process may have done the same meanwhile; what a crash left of an earlier one is replaced. */
function put(fresh: string, folder: string, files: Carried): void {
  try {
    renameSync(fresh, folder);
  } catch {
    const old = isWhole(folder, files) ? fresh : folder;
    rmSync(old, { recursive: true, force: true });
    if (old === folder) renameSync(fresh, folder);
  }
}

function isWhole(folder: string, files: Carried): boolean {
  return files.every(
    ([path, , size]) => statSync(join(folder, path), { throwIfNoEntry: false })?.size === size,
  );
}

function write(folder: string, files: Carried): void {
  for (const [path, from] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), readFileSync(from));
  }
}
