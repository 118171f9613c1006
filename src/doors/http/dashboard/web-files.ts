// The built dashboard on the disk: which files there are, found once, at the start; none is loaded.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface WebFile {
  /** The URL's path: `/` for the page itself, `/assets/<name with a hash>` for the rest. */
  readonly path: string;
  readonly type: string;
  /** With its quotes. */
  readonly etag: string;
  /** Its name changes with its content, so it may be kept for ever. */
  readonly immutable: boolean;
  /** Handles, not bytes in memory. */
  readonly plain: Blob;
  readonly brotli: Blob | null;
  readonly gzip: Blob | null;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** The files of a folder that scripts/build-web.ts has written; none if it has not been built. */
export function findWebFiles(folder: string): readonly WebFile[] {
  const index = join(folder, "index.html");
  const assets = join(folder, "assets");
  if (!existsSync(index) || !existsSync(assets)) return [];
  const names = new Set(readdirSync(assets));
  const page = webFile(index, "/", Bun.hash(readFileSync(index)).toString(36), false, (suffix) =>
    existsSync(index + suffix),
  );
  const rest = [...names]
    .filter((name) => !name.endsWith(".br") && !name.endsWith(".gz"))
    .map((name) =>
      webFile(join(assets, name), `/assets/${name}`, name, true, (suffix) => names.has(name + suffix)),
    );
  return [page, ...rest];
}

function webFile(
  file: string,
  path: string,
  tag: string,
  immutable: boolean,
  has: (suffix: string) => boolean,
): WebFile {
  const open = (suffix: string): Blob | null => (has(suffix) ? Bun.file(file + suffix) : null);
  return {
    path,
    type: TYPES[file.slice(file.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    etag: `"${tag}"`,
    immutable,
    plain: Bun.file(file),
    brotli: open(".br"),
    gzip: open(".gz"),
  };
}
