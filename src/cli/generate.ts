// `cairn generate logs|plays|ascii`: makes test data for each protocol, the same for the same seed.

import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault, toFault } from "../wire/faults.ts";
import type { Command, Invocation } from "./command.ts";
import { asciiImage } from "./generate/images.ts";
import { type LogKind, logFiles } from "./generate/logs.ts";
import { playsCsv } from "./generate/plays.ts";
import { randomSeed, seededRandom } from "./generate/random.ts";

export const generate: Command = {
  name: "generate",
  description:
    "Makes test data: 'logs' (sorted log files for merges), 'plays' (a CSV for the aggregation), 'ascii' (text images).",
  usage: "logs|plays|ascii",
  arity: [1, 1],
  options: [
    {
      flag: "path",
      type: "text",
      word: "PATH",
      help: "the folder; for plays the file, or - for standard output",
    },
    { flag: "days", type: "integer", help: "logs, plays: how many days, counting back from --end  [30]" },
    { flag: "files", type: "integer", help: "logs: files per day  [10]; ascii: images  [100]" },
    { flag: "lines", type: "integer", help: "logs: lines per file  [1000]" },
    {
      flag: "kind",
      type: "choice",
      choices: ["disjoint", "interleaved", "words"],
      default: "interleaved",
      help: "logs: do the times of a day's files overlap?",
    },
    { flag: "rows", type: "integer", help: "plays: rows behind the header  [100000]" },
    { flag: "songs", type: "integer", help: "plays: different songs  [1000]" },
    { flag: "end", type: "text", word: "DATE", help: "logs, plays: the last day  [today, UTC]" },
    { flag: "seed", type: "integer", help: "the same seed makes the same data  [random]" },
  ],
  run: runGenerate,
};

async function runGenerate(invocation: Invocation): Promise<void> {
  const kind = invocation.positionals[0] ?? "";
  const makers: Readonly<Record<string, (invocation: Invocation) => Promise<void>>> = { logs, plays, ascii };
  const maker = Object.hasOwn(makers, kind) ? makers[kind] : undefined;
  if (!maker) {
    throw new Fault("invalid", `there is nothing called ${JSON.stringify(kind)} to generate`, {
      hint: "Say: cairn generate logs, cairn generate plays or cairn generate ascii.",
    });
  }
  try {
    await maker(invocation);
  } catch (error) {
    invocation.signal.throwIfAborted();
    throw toFault(error);
  } finally {
    invocation.output.progress("");
  }
}

async function logs(invocation: Invocation): Promise<void> {
  const folder = pathOf(invocation);
  const [days, files, lines] = [
    numberOf(invocation, "days", 30),
    numberOf(invocation, "files", 10),
    numberOf(invocation, "lines", 1_000),
  ];
  const kind = String(invocation.values["kind"]) as LogKind;
  const plan = { days, files, lines, kind, end: endOf(invocation), seed: seedOf(invocation) };
  await writeAll(invocation, folder, { files: logFiles(plan), count: days * files });
}

async function ascii(invocation: Invocation): Promise<void> {
  const folder = pathOf(invocation);
  const count = numberOf(invocation, "files", 100);
  const random = seededRandom(seedOf(invocation));
  function* images() {
    for (let i = 0; i < count; i += 1) yield { name: `image_${i}.txt`, text: asciiImage(random) };
  }
  await writeAll(invocation, folder, { files: images(), count });
}

async function plays(invocation: Invocation): Promise<void> {
  const { output, signal } = invocation;
  const path = pathOf(invocation);
  const rows = numberOf(invocation, "rows", 100_000);
  const songs = numberOf(invocation, "songs", 1_000, 1);
  const days = numberOf(invocation, "days", 30, 1);
  const csv = playsCsv({ rows, songs, days, end: endOf(invocation), seed: seedOf(invocation) });
  const source = Readable.from(csv, { objectMode: true, highWaterMark: 4 });
  if (path === "-") {
    await pipeline(source, process.stdout, { signal, end: false });
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  output.progress(`writing ${rows} rows …`);
  await pipeline(source, createWriteStream(path), { signal });
  output.line(`wrote ${rows} rows to ${path}`);
}

async function writeAll(
  { output, signal }: Invocation,
  folder: string,
  {
    files,
    count,
  }: { readonly files: Iterable<{ readonly name: string; readonly text: string }>; readonly count: number },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  let written = 0;
  for (const { name, text } of files) {
    signal.throwIfAborted();
    await writeFile(join(folder, name), text);
    written += 1;
    output.progress(`${written} of ${count} files`);
  }
  output.line(`wrote ${written} files to ${folder}`);
}

function pathOf({ values, positionals }: Invocation): string {
  const path = values["path"];
  if (typeof path === "string") return path;
  throw new Fault("invalid", "--path is missing: where shall the data go?", {
    hint: `For example: cairn generate ${positionals[0] ?? "logs"} --path ${positionals[0] === "plays" ? "plays.csv" : "data"}`,
  });
}

function numberOf({ values }: Invocation, flag: string, fallback: number, least = 0): number {
  const value = values[flag] ?? fallback;
  if (typeof value === "number" && value >= least) return value;
  throw new Fault("invalid", `--${flag}: ${value} is less than ${least}`);
}

function seedOf({ values }: Invocation): number {
  const seed = values["seed"];
  return typeof seed === "number" ? seed : randomSeed();
}

function endOf({ values }: Invocation): string {
  const end = String(values["end"] ?? new Date().toISOString().slice(0, 10));
  const time = Date.parse(`${end}T00:00:00Z`);
  if (/^\d{4}-\d\d-\d\d$/.test(end) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(end))
    return end;
  throw new Fault("invalid", `--end: ${JSON.stringify(end)} is not a date such as 2026-11-21`);
}
