// Writes a benchmark's section of docs/benchmarks.md and its bars in the README's picture, so that each bench can be run by itself.

import { cpus } from "node:os";
import { type Comparison, chart, type Group } from "./chart.ts";

const DOCUMENT = new URL("../docs/benchmarks.md", import.meta.url);
const PICTURE = new URL("../docs/images/benchmarks.svg", import.meta.url);
/** What the picture shows, by the section's name. */
const FIGURES = new URL("figures.json", import.meta.url);

/** The sections that the picture shows, from top to bottom. */
const PICTURED: Readonly<Record<string, string>> = {
  "kv-gets": "Items: gets",
  "kv-sets": "Items: sets",
  "large-files": "Large files in memcached",
  transfer: "Uploads and downloads",
  merge: "Merging sorted files",
  aggregate: "Totals over a large CSV file",
};

/**
 * Replaces the section `name`, or adds it at the end. `text`: Markdown that begins with its `##` heading and names
 * the missed aims first. `comparisons`: what the picture shows, if it shows this section.
 */
export async function report(
  name: string,
  text: string,
  comparisons: readonly Comparison[] = [],
): Promise<void> {
  const [begin, end] = [`<!-- begin:${name} -->`, `<!-- end:${name} -->`];
  const where = `Bun ${Bun.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}, ${new Date().toISOString().slice(0, 10)}`;
  const section = `${begin}\n${text.trim()}\n\n*Measured on ${where}.*\n${end}`;
  const document = await Bun.file(DOCUMENT).text();
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  const next =
    from < 0 || to < 0
      ? `${document.trimEnd()}\n\n${section}\n`
      : document.slice(0, from) + section + document.slice(to + end.length);
  await Bun.write(DOCUMENT, next);
  if (name in PICTURED) await draw(name, comparisons);
}

async function draw(name: string, comparisons: readonly Comparison[]): Promise<void> {
  const old = (await Bun.file(FIGURES).json()) as Record<string, readonly Comparison[]>;
  const rounded = comparisons.map((one) => ({ ...one, times: Number(one.times.toPrecision(3)) }));
  const figures = { ...old, [name]: rounded };
  const groups = Object.entries(PICTURED).map(
    ([section, title]): Group => ({ title, comparisons: figures[section] ?? [] }),
  );
  await Bun.write(FIGURES, `${JSON.stringify(figures, undefined, 2)}\n`);
  await Bun.write(PICTURE, chart(groups));
}

/** The middle of the measured values: machines are noisy, and one value says little. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
