// Walks a folder's files in the order of their full names' UTF-8 bytes, from a name on.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { toFault } from "../../wire/faults.ts";

/**
 * Names below `root` that begin with `prefix` and come after `after`, without hidden ones. Links are among them,
 * links to folders too, but are not followed. Memory: the entries of the folders on the way to the current name.
 */
export async function* walkFolder(root: string, prefix: string, after: string): AsyncGenerator<string> {
  yield* walk(root, prefix.slice(0, prefix.lastIndexOf("/") + 1), prefix, after);
}

async function* walk(root: string, folder: string, prefix: string, after: string): AsyncGenerator<string> {
  for (const entry of await entriesOf(root, folder)) {
    const name = folder + entry;
    if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue;
    if (!entry.endsWith("/")) {
      if (name.startsWith(prefix) && compareUtf8(name, after) > 0) yield name;
    } else if (after.startsWith(name) || compareUtf8(name, after) > 0) {
      yield* walk(root, name, prefix, after);
    }
  }
}

/** Sorted; folders end with `/`, so that they stand where their files' full names belong. */
async function entriesOf(root: string, folder: string): Promise<string[]> {
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    return entries
      .filter(({ name }) => !name.startsWith("."))
      .filter((entry) => entry.isFile() || entry.isDirectory() || entry.isSymbolicLink())
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort(compareUtf8);
  } catch (error) {
    // A folder that went away meanwhile, or a prefix that names none, holds nothing.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG") return [];
    throw toFault(error);
  }
}

/** As their UTF-8 bytes compare: by code points, where JavaScript's own order is by UTF-16 units. */
function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for the code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit;
}
