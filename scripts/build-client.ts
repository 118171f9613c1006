// Builds the published client library: a file of JavaScript for each entry and platform, and the type declarations.

import { rm } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

export interface ClientBuild {
  /** Bytes of the bundles together. */
  readonly bytes: number;
}

interface Entry {
  readonly source: string;
  readonly name: string;
  readonly target: "node" | "browser";
}

/** As `exports` of package.json names them. */
const ENTRIES: readonly Entry[] = [
  { source: "src/client/memcached/index.ts", name: "memcached.js", target: "node" },
  { source: "src/client/http/index.ts", name: "http.js", target: "node" },
  { source: "src/client/http/browser.ts", name: "http-browser.js", target: "browser" },
];

/** Writes `<out>/client/*.js` and `<out>/types/…`; `out` defaults to `dist`. Throws with the tool's words. */
export async function buildClient(out = join(ROOT, "dist")): Promise<ClientBuild> {
  const bundles = ENTRIES.map((entry) => bundle(entry, join(out, "client")));
  const [bytes] = await Promise.all([Promise.all(bundles), declare(join(out, "types"))]);
  return { bytes: bytes.reduce((sum, size) => sum + size, 0) };
}

async function bundle({ source, name, target }: Entry, folder: string): Promise<number> {
  const built = await Bun.build({
    entrypoints: [join(ROOT, source)],
    outdir: folder,
    naming: name,
    target,
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
  const paths = ["--rootDir", "src", "--outDir", folder, ...ENTRIES.map(({ source }) => source)];
  const command = [join(ROOT, "node_modules/.bin/tsc"), ...flags.split(" "), ...more.split(" "), ...paths];
  const tsc = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([
    new Response(tsc.stdout).text(),
    new Response(tsc.stderr).text(),
  ]);
  if ((await tsc.exited) !== 0) throw new Error(`tsc: ${output}${errors}`);
}

if (import.meta.main) await buildClient();
