// The merge against `LC_ALL=C sort -m`, side by side in one run: wall time, ratio and memory, on one thread and on several.
//
// usage: bin/cairn-bun bench/merge/run.ts [--runs 5] [--large]   (--large: only 10 files of 1 GB each, once; 40 GB of disk)

import { mkdtemp, rm, stat } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { LineOrder } from "../../src/compute/line-order.ts";
import type { Comparison } from "../chart.ts";
import { median, report } from "../report.ts";
import { type InputPlan, writeInputs } from "./inputs.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, large: { type: "boolean", default: false } },
});
const runs = values.large ? 1 : Number(values.runs);

/** Of sort's time, on two cores, with the threads that the merge takes by itself or is given; and where it is held to one. */
const AIM = 0.67;
const AIM_ON_ONE = 1;

interface Way {
  readonly threads: number;
  /** By `--merge-threads`; otherwise as many as the merge takes by itself. */
  readonly isGiven: boolean;
}

interface Case extends InputPlan {
  readonly name: string;
  readonly order?: LineOrder;
  /** What makes `sort -m` give the same; undefined: nothing does. */
  readonly sort: readonly string[] | undefined;
  readonly ways: readonly Way[];
}

interface Result {
  readonly name: string;
  readonly way: Way;
  readonly files: number;
  readonly bytes: number;
  readonly ours: number;
  /** undefined: `sort` cannot do this. */
  readonly theirs?: { readonly ms: number; readonly ratio: number };
  /** Bytes that our process had in memory at most. */
  readonly memory: number;
}

const ONE: Way = { threads: 1, isGiven: false };
const HELD_TO_ONE: Way = { threads: 1, isGiven: true };
const SEVERAL: Way = { threads: Math.min(4, navigator.hardwareConcurrency), isGiven: false };
const FIRST_COLUMN = ["-s", "-t", " ", "-k1,1"];
const LARGE: Case = {
  ...{
    name: "large files",
    kind: "seconds",
    files: 10,
    lines: 8_600_000,
    sort: [],
    ways: [HELD_TO_ONE, SEVERAL],
  },
};
const CASES: readonly Case[] = [
  { name: "disjoint by day", kind: "disjoint", files: 300, lines: 10_000, sort: [], ways: [ONE] },
  { name: "interleaved", kind: "interleaved", files: 300, lines: 10_000, sort: [], ways: [ONE] },
  { name: "random words", kind: "words", files: 300, lines: 10_000, sort: [], ways: [ONE] },
  { name: "small files", kind: "interleaved", files: 3_000, lines: 100, sort: [], ways: [ONE] },
  {
    ...{ name: "half a gigabyte and more", kind: "seconds", files: 10, lines: 860_000 },
    ...{ sort: [], ways: [HELD_TO_ONE, SEVERAL] },
  },
  {
    ...{ name: "by a column", kind: "interleaved", files: 300, lines: 3_000 },
    ...{ order: { key: { columns: [1], delimiter: " " } }, sort: FIRST_COLUMN, ways: [ONE] },
  },
  {
    // All in UTC and of one length: for sort, a column.
    ...{ name: "by time stamps", kind: "interleaved", files: 300, lines: 3_000 },
    ...{ order: { key: { time: true } }, sort: FIRST_COLUMN, ways: [ONE] },
  },
  {
    ...{ name: "by time stamps of several zones", kind: "zones", files: 20, lines: 86_400 },
    ...{ order: { key: { time: true } }, sort: undefined, ways: [ONE] },
  },
  {
    ...{ name: "by a column, half a gigabyte and more", kind: "seconds", files: 10, lines: 860_000 },
    order: { key: { columns: [1], delimiter: " " } },
    ...{ sort: FIRST_COLUMN, ways: [HELD_TO_ONE, SEVERAL] },
  },
  {
    ...{ name: "by time stamps, half a gigabyte and more", kind: "seconds", files: 10, lines: 860_000 },
    ...{ order: { key: { time: true } }, sort: FIRST_COLUMN, ways: [HELD_TO_ONE, SEVERAL] },
  },
];

const folder = await mkdtemp(join(tmpdir(), "cairn-bench-merge-"));
const [OURS, THEIRS] = [join(folder, "ours"), join(folder, "theirs")];
const results: Result[] = [];
try {
  for (const one of values.large ? [LARGE] : CASES) {
    const compared = await compare(one);
    console.log(compared.map(row).join("\n"));
    results.push(...compared);
  }
} finally {
  await rm(folder, { recursive: true });
}
if (values.large) await report("merge-large", largeSection());
else await report("merge", section(), comparisons());

function comparisons(): readonly Comparison[] {
  return results.flatMap(({ name, way, theirs }) => {
    const threads = way.threads === 1 ? "1 thread" : `${way.threads} threads`;
    return theirs ? { what: `${name}, ${threads}`, rival: "sort -m", times: 1 / theirs.ratio } : [];
  });
}

/** All ways in turn, so that whatever else the machine does meets each of them. */
async function compare(one: Case): Promise<Result[]> {
  const input = join(folder, one.kind);
  const bytes = await writeInputs(one, input);
  const theirs: number[] = [];
  const ours = one.ways.map((way) => ({ way, ms: [] as number[], memory: [] as number[] }));
  for (let run = 0; run < runs; run += 1) {
    if (one === LARGE) await readAll(input);
    if (one.sort)
      theirs.push((await timed(["sh", "-c", sortCommand(one, input)], THEIRS, { LC_ALL: "C" })).ms);
    for (const { way, ms, memory } of ours) {
      if (one === LARGE) await readAll(input);
      const cairn = await timed(mergeCommand(one, way, input), OURS);
      ms.push(cairn.ms);
      memory.push(Number(cairn.output));
      if (run === runs - 1) await check(one, bytes);
    }
  }
  await rm(input, { recursive: true });
  return ours.map(({ way, ms, memory }) => ({
    ...{ name: one.name, way, files: one.files, bytes, ours: median(ms), memory: Math.max(...memory) },
    ...(one.sort && {
      theirs: { ms: median(theirs), ratio: median(ms.map((ours, i) => ours / (theirs[i] ?? 0))) },
    }),
  }));
}

/** Each program begins with as much of the inputs in memory as the one before did. */
async function readAll(folder: string): Promise<void> {
  await Bun.spawn(["sh", "-c", `cat ${folder}/* > /dev/null`]).exited;
}

function mergeCommand({ order = {} }: Case, { threads, isGiven }: Way, input: string): string[] {
  const once = [process.execPath, join(import.meta.dir, "merge-once.ts"), input, OURS, JSON.stringify(order)];
  return isGiven ? [...once, String(threads)] : once;
}

/** In the order of the names' bytes, as ours takes them; all at once. */
function sortCommand({ files, sort = [] }: Case, input: string): string {
  const options = ["-m", "--parallel=2", `--batch-size=${files + 16}`, ...sort].map((word) => `'${word}'`);
  return `cd ${input} && ulimit -n 8192 && ls | tr '\\n' '\\0' | sort ${options.join(" ")} --files0-from=- -o ${THEIRS}`;
}

async function check({ name, sort }: Case, bytes: number): Promise<void> {
  const same = sort ? Bun.spawnSync(["cmp", OURS, THEIRS]).exitCode === 0 : (await stat(OURS)).size === bytes;
  if (!same) throw new Error(`${name}: the outputs differ`);
}

/** What a program takes that writes `output` anew, and what it prints. */
async function timed(
  command: string[],
  output: string,
  env: Record<string, string> = {},
): Promise<{ ms: number; output: string }> {
  await rm(output, { force: true });
  const started = performance.now();
  const child = Bun.spawn(command, { env: { ...process.env, ...env }, stdout: "pipe", stderr: "inherit" });
  const printed = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed`);
  return { ms: performance.now() - started, output: printed };
}

function row({ name, way, files, bytes, ours, theirs, memory }: Result): string {
  const cells = [
    `${name}, ${files}`,
    `${(bytes / 1e6).toFixed(0)} MB`,
    way.isGiven ? `${way.threads}, given` : way.threads,
    `${ours.toFixed(0)} ms`,
    theirs ? `${theirs.ms.toFixed(0)} ms` : "cannot",
    theirs?.ratio.toFixed(2) ?? "",
    `${(memory / 1e6).toFixed(0)} MB of ${(mostMemory(files) / 1e6).toFixed(0)} MB`,
  ];
  return `| ${cells.join(" | ")} |`;
}

function mostMemory(files: number): number {
  return 128e6 + files * 65_536;
}

function verdict(): string {
  const missed = results.flatMap(({ name, way, files, theirs, memory }) => {
    const aim = way === HELD_TO_ONE ? AIM_ON_ONE : AIM;
    const slow = theirs && theirs.ratio > aim && `${theirs.ratio.toFixed(2)} of sort's time, aim ${aim}`;
    const large = memory > mostMemory(files) && `${(memory / 1e6).toFixed(0)} MB of memory`;
    return slow || large
      ? [
          `${name} (${way.threads === 1 ? "1 thread" : `${way.threads} threads`}): ${[slow, large].filter(Boolean).join(", ")}`,
        ]
      : [];
  });
  return missed.length > 0 ? `**Missed:** ${missed.join("; ")}.` : "All aims are met.";
}

function section(): string {
  return `## Merge

${verdict()}

Files against \`LC_ALL=C sort -m --parallel=2 --batch-size=<all>\`, each in a process of its own, in turn; medians of ${runs} runs
(ratios are medians of pairs), outputs compared byte for byte, or by their length
where sort has none. Threads are given by \`--merge-threads\`, or chosen by the merge. Aims: ${AIM} of sort's time on two cores, ${AIM_ON_ONE} where the merge is held to one
thread; 128 MB of memory, the peak of our process, and 64 KiB for each input. Below 512 MB of plain files the merge works on one thread. By columns and by time stamps \`sort -m\` has the options \`-s -t ' ' -k1,1\`; time stamps of several zones it cannot order.
The machine's load was ${loadavg()[0]?.toFixed(0)} at the end of the run.

${table()}`;
}

function largeSection(): string {
  return `## Merge of 10 GB

${verdict()}

As above, once, \`sort\` first; all inputs are read before each. No program waits until its output is on the disk, but ours writes what is behind the first
2 GiB past the system's cache ([why](decisions/0020-long-outputs-go-past-the-cache.md)), and \`sort\` through it. The machine's load was ${loadavg()[0]?.toFixed(0)} at the end. \`bin/cairn-bun bench/merge/run.ts --large\`

${table()}`;
}

function table(): string {
  return `| inputs | bytes | threads | cairn | sort -m | ratio | memory |
|---|---|---|---|---|---|---|
${results.map(row).join("\n")}`;
}
