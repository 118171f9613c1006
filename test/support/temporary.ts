// A folder for one test, removed with everything in it when the test ends.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TemporaryFolder extends AsyncDisposable {
  /** Absolute; the folder exists. */
  readonly path: string;
  /** A path inside the folder; nothing is created. */
  at(...names: string[]): string;
}

/** `await using folder = await temporaryFolder()`; or call `[Symbol.asyncDispose]` in afterAll. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), "cairn-test-"));
  return {
    path,
    at: (...names) => join(path, ...names),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
