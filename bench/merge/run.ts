// The merge against `LC_ALL=C sort -m`, side by side in one run: wall time, ratio and memory.
//
// usage: bin/cairn-bun bench/merge/run.ts [--runs 5] [--big]   (--big: also 10 files of 1 GB each)

import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type LogKind, type LogPlan, logFiles } from "../../src/cli/generate/logs.ts";
import { median, report } from "../report.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, big: { type: "boolean", default: false } },
});
const runs = Number(values.runs);

interface Case {
  readonly name: string;
  readonly kind: LogKind;
  readonly files: number;
  readonly lines: number;
}

interface Result extends Case {
  readonly bytes: number;
  readonly ours: number;
  readonly theirs: number;
  readonly ratio: number;
  /** Bytes that our process had in memory at most. */
  readonly memory: number;
}

const CASES: readonly Case[] = [
  { name: "disjoint by day", kind: "disjoint", files: 300, lines: 10_000 },
  { name: "interleaved", kind: "interleaved", files: 300, lines: 10_000 },
  { name: "random words", kind: "words", files: 300, lines: 10_000 },
  { name: "small files", kind: "interleaved", files: 3_000, lines: 100 },
  ...(values.big ? [{ name: "large files", kind: "interleaved" as const, files: 10, lines: 8_150_000 }] : []),
];

const folder = await mkdtemp(join(tmpdir(), "cairn-bench-merge-"));
const results: Result[] = [];
try {
  for (const one of CASES) {
    const result = await compare(one);
    console.log(row(result));
    results.push(result);
  }
} finally {
  await rm(folder, { recursive: true });
}
await report("merge", section());

async function compare(one: Case): Promise<Result> {
  const input = join(folder, one.kind);
  const bytes = await generate(one, input);
  const [ours, theirs, ratios, memory]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let run = 0; run < (one.lines > 1_000_000 ? 1 : runs); run += 1) {
    for (const name of ["ours", "theirs"]) await rm(join(folder, name), { force: true });
    const sort = await timed(["sh", "-c", sortCommand(one, input)], { LC_ALL: "C" });
    const cairn = await timed([
      process.execPath,
      join(import.meta.dir, "merge-once.ts"),
      input,
      join(folder, "ours"),
    ]);
    ours.push(cairn.ms);
    theirs.push(sort.ms);
    ratios.push(cairn.ms / sort.ms);
    memory.push(Number(cairn.output));
  }
  if (Bun.spawnSync(["cmp", join(folder, "ours"), join(folder, "theirs")]).exitCode !== 0) {
    throw new Error(`${one.name}: the outputs differ`);
  }
  await rm(input, { recursive: true });
  const of = {
    ours: median(ours),
    theirs: median(theirs),
    ratio: median(ratios),
    memory: Math.max(...memory),
  };
  return { ...one, bytes, ...of };
}

async function generate({ kind, files, lines }: Case, into: string): Promise<number> {
  const big = lines > 1_000_000;
  const days = kind === "disjoint" ? files : Math.ceil(files / 10);
  // A large file is one of 1/100 of its lines, each line repeated: sorting a gigabyte of text in memory is no part of this.
  const plan: LogPlan = {
    days,
    files: Math.ceil(files / days),
    lines: big ? lines / 100 : lines,
    end: "2026-11-20",
    kind,
    seed: 7,
  };
  let bytes = 0;
  await mkdir(into);
  for (const { name, text } of logFiles(plan)) {
    await using file = await open(join(into, name), "w");
    for (const part of big ? repeated(text) : [text]) bytes += (await file.write(part)).bytesWritten;
  }
  return bytes;
}

function* repeated(text: string): Generator<string> {
  for (const line of text.split("\n")) if (line !== "") yield `${line}\n`.repeat(100);
}

/** In the order of the names' bytes, as ours takes them; all at once. */
function sortCommand({ files }: Case, input: string): string {
  return `cd ${input} && ulimit -n 8192 && ls | tr '\\n' '\\0' | sort -m --parallel=2 --batch-size=${files + 16} --files0-from=- -o ${join(folder, "theirs")}`;
}

async function timed(
  command: string[],
  env: Record<string, string> = {},
): Promise<{ ms: number; output: string }> {
  const started = performance.now();
  const child = Bun.spawn(command, { env: { ...process.env, ...env }, stdout: "pipe", stderr: "inherit" });
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed`);
  return { ms: performance.now() - started, output };
}

function row({ name, files, bytes, ours, theirs, ratio, memory }: Result): string {
  const cells = [
    `${name}, ${files}`,
    `${(bytes / 1e6).toFixed(0)} MB`,
    `${ours.toFixed(0)} ms`,
    `${theirs.toFixed(0)} ms`,
    ratio.toFixed(2),
    `${(memory / 1e6).toFixed(0)} MB of ${(128 + (files * 65_536) / 1e6).toFixed(0)} MB`,
  ];
  return `| ${cells.join(" | ")} |`;
}

function section(): string {
  const slow = results.filter(({ ratio }) => ratio > 0.67);
  const large = results.filter(({ memory, files }) => memory > 128e6 + files * 65_536);
  const missed = [
    ...slow.map(
      ({ name, ratio }) =>
        `${name}: ${ratio.toFixed(2)} of sort's time on two cores, aim 0.67 (one thread: 1.0)`,
    ),
    ...large.map(({ name, memory }) => `${name}: ${(memory / 1e6).toFixed(0)} MB of memory`),
  ];
  return `## Merge

${missed.length > 0 ? `Missed: ${missed.join("; ")}. The merge works on one thread so far.` : "All aims are met, on one thread."}

Files against \`LC_ALL=C sort -m --parallel=2 --batch-size=<all>\`, each in a process of its own, in turn; medians of ${runs} runs
(ratios are medians of pairs), outputs compared byte for byte. Memory is the peak of our process. The machine's load was
${loadavg()[0]?.toFixed(0)} at the end of the run.

| inputs | bytes | cairn | sort -m | ratio | memory |
|---|---|---|---|---|---|
${results.map(row).join("\n")}`;
}
