// Writes a benchmark's section of docs/benchmarks.md, so that each bench can be run by itself.

import { cpus } from "node:os";

const DOCUMENT = new URL("../docs/benchmarks.md", import.meta.url);

/**
 * Replaces the section `name`, or adds it at the end. `text`: Markdown that begins with its `##` heading and names
 * the missed aims first.
 */
export async function report(name: string, text: string): Promise<void> {
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
}

/** The middle of the measured values: machines are noisy, and one value says little. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
