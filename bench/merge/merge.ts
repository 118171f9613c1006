// The merge against `LC_ALL=C sort -m`, side by side in one run: wall time, ratio and memory.
//
// usage: bin/cairn-bun bench/merge/merge.ts [--files 300] [--lines 10000] [--runs 5]

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type LogKind, type LogPlan, logFiles } from "../../src/cli/generate/logs.ts";

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "300" },
    lines: { type: "string", default: "10000" },
    runs: { type: "string", default: "5" },
  },
});
const [files, lines, runs] = [values.files, values.lines, values.runs].map(Number) as [
  number,
  number,
  number,
];

interface Run {
  readonly ms: number;
  readonly rss: number;
}

const folder = await mkdtemp(join(tmpdir(), "cairn-bench-merge-"));
try {
  console.log(`${files} files of ${lines} lines, median of ${runs} runs; peers in turn within each run`);
  for (const kind of ["disjoint", "interleaved", "words"] as const) await compare(kind);
} finally {
  await rm(folder, { recursive: true });
}

async function compare(kind: LogKind): Promise<void> {
  const input = join(folder, kind);
  const bytes = await generate(kind, input);
  const ours: Run[] = [];
  const theirs: Run[] = [];
  for (let run = 0; run < runs; run += 1) {
    theirs.push(await timed(["sh", "-c", sortCommand(input)], { LC_ALL: "C" }));
    // Bun's file sink does not cut a longer file that is there already.
    await rm(join(folder, "ours"), { force: true });
    ours.push(
      await timed(
        [process.execPath, join(import.meta.dir, "merge-once.ts"), input, join(folder, "ours")],
        {},
      ),
    );
  }
  if (Bun.spawnSync(["cmp", join(folder, "ours"), join(folder, "theirs")]).exitCode !== 0) {
    throw new Error(`${kind}: the outputs differ`);
  }
  const [mine, sorts] = [median(ours), median(theirs)];
  console.log(
    `${kind.padEnd(12)} ${(bytes / 1e6).toFixed(0)} MB: cairn ${mine.ms.toFixed(0)} ms (${mb(mine.rss)} MB), ` +
      `sort -m ${sorts.ms.toFixed(0)} ms (${mb(sorts.rss)} MB), ratio ${(mine.ms / sorts.ms).toFixed(2)}`,
  );
  await rm(input, { recursive: true });
}

async function generate(kind: LogKind, into: string): Promise<number> {
  const days = kind === "disjoint" ? files : Math.ceil(files / 10);
  const plan: LogPlan = { days, files: Math.ceil(files / days), lines, end: "2026-11-20", kind, seed: 7 };
  let bytes = 0;
  for (const { name, text } of logFiles(plan)) bytes += await Bun.write(join(into, name), text);
  return bytes;
}

/** In the order of the names' bytes, as ours takes them; all at once. */
function sortCommand(input: string): string {
  return `cd ${input} && ulimit -n 8192 && ls | tr '\\n' '\\0' | sort -m --parallel=2 --batch-size=${files + 16} --files0-from=- -o ${join(folder, "theirs")}`;
}

async function timed(command: string[], env: Record<string, string>): Promise<Run> {
  const started = performance.now();
  const child = Bun.spawn(command, { env: { ...process.env, ...env }, stdout: "inherit", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed`);
  return { ms: performance.now() - started, rss: child.resourceUsage()?.maxRSS ?? 0 };
}

function median(list: readonly Run[]): Run {
  const sorted = [...list].sort((a, b) => a.ms - b.ms);
  return sorted[sorted.length >> 1] as Run;
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
