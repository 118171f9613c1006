// What the documents name is there: linked files, and paths of this repository.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import { ROOT } from "./support/processes.ts";

const documents = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
for await (const path of new Glob("docs/**/*.md").scan({ cwd: ROOT })) documents.push(path);

describe.each(documents.sort())("%s", (document) => {
  test("links to what exists", async () => {
    expect(missingLinks(document, await readFile(join(ROOT, document), "utf8"))).toEqual([]);
  });

  test("names paths that exist", async () => {
    expect(missingPaths(await readFile(join(ROOT, document), "utf8"))).toEqual([]);
  });
});

test("decisions are numbered one after the other, each in its name and its heading", async () => {
  const names = (await readdir(join(ROOT, "docs", "decisions"))).sort();
  const expected = names.map((_, i) => String(i + 1).padStart(4, "0"));
  expect(names.map((name) => name.slice(0, 4))).toEqual(expected);
  for (const [i, name] of names.entries()) {
    expect(await readFile(join(ROOT, "docs", "decisions", name), "utf8")).toStartWith(`# ${i + 1}. `);
  }
});

test("each section of the benchmarks has a benchmark that writes it, and no row stands in two", async () => {
  const text = await readFile(join(ROOT, "docs", "benchmarks.md"), "utf8");
  const sections = [...text.matchAll(/<!-- begin:(\S+) -->\n(.*?)<!-- end:\1 -->/gs)];
  expect(sections.length).toBe(text.split("<!-- begin:").length - 1);
  const names = (await readdir(join(ROOT, "bench"))).filter((name) =>
    existsSync(join(ROOT, "bench", name, "run.ts")),
  );
  const orphans = sections.filter(([, section = ""]) =>
    names.every((name) => section !== name && !section.startsWith(`${name}-`)),
  );
  expect(orphans.map(([, section]) => section)).toEqual([]);
  const rows = sections.flatMap(([, , body = ""]) => [...body.matchAll(/^\| ([^|]*against[^|]*) \|/gm)]);
  const claims = rows.map(([, claim]) => claim);
  expect(claims.filter((claim, i) => claims.indexOf(claim) !== i)).toEqual([]);
});

test("a dead link and a dead path are found", () => {
  expect(missingLinks("docs/a.md", "[a](../README.md) [b](gone.md#part) [c](https://example.org/)")).toEqual([
    "gone.md#part",
  ]);
  expect(
    missingPaths("`src/wire/faults.ts` `src/wire/gone.ts` `src/wire` `test/*/a.ts` `docs/<name>.md`"),
  ).toEqual(["src/wire/gone.ts"]);
});

function missingLinks(document: string, text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^(https?:|mailto:|#)/.test(target))
    .filter((target) => !existsSync(join(ROOT, dirname(document), target.replace(/#.*$/, ""))));
}

/** In backticks, beginning with one of our folders; patterns and placeholders are not paths. */
function missingPaths(text: string): string[] {
  return [...text.matchAll(/`((?:src|test|scripts|bench|docs|bin)\/[\w./-]+)`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => !/(NNNN|\.\.\.)/.test(path) && !existsSync(join(ROOT, path)));
}
