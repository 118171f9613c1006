// The dashboard, built once for all tests of a process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildWeb } from "../../scripts/build-web.ts";

let building: Promise<string> | undefined;

/** The folder of the built dashboard; it is removed when the process ends. */
export function builtWeb(): Promise<string> {
  building ??= build();
  return building;
}

async function build(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "cairn-web-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  await buildWeb(join(folder, "web"));
  return join(folder, "web");
}
