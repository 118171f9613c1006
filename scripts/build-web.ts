// Builds the dashboard: src/web → one folder of hashed, minified, precompressed files.

import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

export interface WebBuild {
  /** By path below the folder: bytes as they are, and as a browser that takes brotli gets them. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly brotli: number }[];
}

/**
 * Builds into `out` (default `dist/web`): `index.html`, and `assets/` with a hash in each name. Beside every
 * file that shrinks lie `.br` and `.gz`. The folder appears whole: it replaces the old one at the end.
 */
export async function buildWeb(out = join(import.meta.dir, "..", "dist", "web")): Promise<WebBuild> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "..", "src", "web", "index.html")],
    target: "browser",
    minify: true,
    publicPath: "/assets/",
    naming: { chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const fresh = `${out}.${crypto.randomUUID()}`;
  await mkdir(join(fresh, "assets"), { recursive: true });
  const files: WebBuild["files"][number][] = [];
  for (const output of built.outputs) {
    const name = output.path.replace(/^.*\//, "");
    const path = name.endsWith(".html") ? name : `assets/${name}`;
    const bytes = new Uint8Array(await output.arrayBuffer());
    files.push({ path, bytes: bytes.length, brotli: await writeCompressed(join(fresh, path), bytes) });
  }
  await rm(out, { recursive: true, force: true });
  await rename(fresh, out);
  return { files };
}

/** Writes the file and its smaller siblings; the size of the brotli one. */
async function writeCompressed(path: string, bytes: Uint8Array): Promise<number> {
  await Bun.write(path, bytes);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  const gzip = gzipSync(bytes, { level: 9 });
  if (brotli.length < bytes.length) await Bun.write(`${path}.br`, brotli);
  if (gzip.length < bytes.length) await Bun.write(`${path}.gz`, gzip);
  return Math.min(brotli.length, bytes.length);
}
