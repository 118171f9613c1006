// `npm run compile [-- FILE]`: the whole program as one executable, by default dist/cairn. It needs nothing beside it.
//
// Threads are entry points of their own, all in one folder, so that `new URL("./some-thread.ts", import.meta.url)` finds
// them. What must be real files (the dashboard's, DuckDB's libraries) is carried along and unpacked when it is first needed.

import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type BunPlugin, Glob } from "bun";
import { buildWeb } from "./build-web.ts";
import { ROOT } from "./run.ts";

const UNPACK = JSON.stringify(join(import.meta.dir, "compile", "unpack.ts"));

async function compile(outfile: string): Promise<void> {
  await buildWeb();
  const threads = [...new Glob("src/**/*-thread.ts").scanSync({ cwd: ROOT, absolute: true })].sort();
  const { success, logs } = await Bun.build({
    entrypoints: [join(ROOT, "src", "cli", "main.ts"), ...threads],
    naming: { entry: "[name].[ext]" },
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [carried],
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  });
  for (const log of logs) console.error(String(log));
  if (!success) throw new Error("the executable could not be built");
  console.log(`${outfile}: ${Math.round(statSync(outfile).size / 1_000_000)} MB`);
}

/** Puts other modules in the place of those that look for files beside themselves. */
const carried: BunPlugin = {
  name: "carried files",
  setup(build) {
    build.onLoad({ filter: /\/src\/app\/web-folder\.ts$/ }, () => {
      const folder = join(ROOT, "dist", "web");
      return {
        loader: "ts",
        contents: `${carry("web", folder)}\nexport function webFolder() { return folder(); }`,
      };
    });
    build.onLoad({ filter: /\/@duckdb\/node-bindings\/duckdb\.js$/ }, ({ path }) => {
      const platform = `@duckdb/node-bindings-${process.platform}-${process.arch}`;
      const folder = dirname(createRequire(path).resolve(`${platform}/duckdb.node`));
      const load = 'const loaded = { exports: {} };\nprocess.dlopen(loaded, folder() + "/duckdb.node");';
      const only = (name: string) => /^(?:lib)?duckdb\./.test(name);
      return {
        loader: "ts",
        contents: `${carry("duckdb", folder, only)}\n${load}\nexport default loaded.exports;`,
      };
    });
  },
};

/** The text of a module that has `folder()`: the files below `from`, unpacked. */
function carry(name: string, from: string, wanted: (name: string) => boolean = () => true): string {
  const paths = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1))
    .sort();
  const imports = paths.map(
    (path, i) => `import file${i} from ${JSON.stringify(join(from, path))} with { type: "file" };`,
  );
  const hash = new Bun.CryptoHasher("sha256");
  const files = paths.map((path, i) => {
    const { size } = statSync(join(from, path));
    hash.update(`${path} ${size} ${Bun.hash(Bun.mmap(join(from, path)))}\n`);
    return `[${JSON.stringify(path)}, file${i}, ${size}]`;
  });
  return [
    `import { unpack } from ${UNPACK};`,
    ...imports,
    `const folder = () => unpack("${name}-${hash.digest("hex").slice(0, 16)}", [${files.join(", ")}]);`,
  ].join("\n");
}

await compile(process.argv[2] ?? join(ROOT, "dist", "cairn"));
