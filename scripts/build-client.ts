// Builds the published client library: one file of JavaScript for Node and Bun, and its type declarations.

import { rm } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

export interface ClientBuild {
  /** Bytes of the bundle. */
  readonly bytes: number;
}

/** Writes `<out>/client/memcached.js` and `<out>/types/…`; `out` defaults to `dist`. Throws with the tool's words. */
export async function buildClient(out = join(ROOT, "dist")): Promise<ClientBuild> {
  const [bytes] = await Promise.all([bundle(join(out, "client")), declare(join(out, "types"))]);
  return { bytes };
}

async function bundle(folder: string): Promise<number> {
  const built = await Bun.build({
    entrypoints: [join(ROOT, "src/client/memcached/index.ts")],
    outdir: folder,
    naming: "memcached.js",
    target: "node",
    format: "esm",
  });
  return built.outputs.reduce((sum, output) => sum + output.size, 0);
}

async function declare(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const flags =
    "--ignoreConfig --declaration --emitDeclarationOnly --strict --target esnext --module preserve";
  const more =
    "--moduleResolution bundler --allowImportingTsExtensions --skipLibCheck --types node,bun --lib esnext,dom,dom.iterable";
  const paths = ["--rootDir", "src", "--outDir", folder, "src/client/memcached/index.ts"];
  const command = [join(ROOT, "node_modules/.bin/tsc"), ...flags.split(" "), ...more.split(" "), ...paths];
  const tsc = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([
    new Response(tsc.stdout).text(),
    new Response(tsc.stderr).text(),
  ]);
  if ((await tsc.exited) !== 0) throw new Error(`tsc: ${output}${errors}`);
}

if (import.meta.main) await buildClient();
