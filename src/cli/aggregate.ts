// `cairn aggregate FILE [RESULT]`: totals over a CSV, as a job on a server or, with --local, in this process.

import { aggregateOnServer } from "./aggregate-job.ts";
import type { Command, Invocation } from "./command.ts";
import { JSON_OUTPUT, QUIET, report } from "./large-files.ts";
import type { Option } from "./option.ts";
import { openTarget } from "./output-file.ts";
import { progressBar } from "./progress.ts";
import { aggregateInput } from "./query.ts";
import { PATIENCE, SERVER } from "./transfers.ts";

const OPTIONS: readonly Option[] = [
  { flag: "group-by", type: "text", default: "Song,Date", word: "COLUMNS", help: "columns, with commas" },
  {
    flag: "measures",
    type: "text",
    default: "Total Number of Plays for Date=sum(Number of Plays)",
    word: "LIST",
    help: "name=function(column), with ';' between them: sum, count, min, max, avg; count(*) counts rows",
  },
  {
    flag: "where",
    type: "text",
    word: "CONDITION",
    help: 'only these rows, e.g. "Plays > 10 and not Song is null"',
  },
  {
    flag: "output",
    type: "choice",
    choices: ["csv", "jsonl", "parquet"],
    default: "csv",
    help: "form of the result",
  },
  {
    flag: "on-bad-row",
    type: "choice",
    choices: ["reject", "fail"],
    default: "reject",
    help: "set bad rows apart, or fail at the first",
  },
  { flag: "reject-limit", type: "integer", word: "N", help: "more bad rows than that fail" },
  {
    flag: "rejects",
    type: "text",
    word: "FILE",
    help: "write the bad rows there, with line, position and reason",
  },
  { flag: "delimiter", type: "text", word: "CHAR", help: "between fields; 'tab' is a tab  [detected]" },
  { flag: "quote", type: "text", word: "CHAR", help: "around fields  [detected]" },
  {
    flag: "header",
    type: "choice",
    choices: ["yes", "no"],
    help: "the first line names the columns, or they are column1, …  [detected]",
  },
  {
    flag: "encoding",
    type: "choice",
    choices: ["utf-8", "utf-16le", "utf-16be", "latin-1"],
    help: "of the file  [detected]",
  },
  { flag: "compression", type: "choice", choices: ["none", "gzip", "zstd"], help: "of the file  [detected]" },
  { flag: "local", type: "switch", default: "false", help: "work here, without a server" },
  {
    flag: "job-memory",
    type: "bytes",
    default: "512mb",
    help: "with --local: memory before it spills to disk, 256mb or more",
  },
  SERVER,
  PATIENCE,
  JSON_OUTPUT,
  QUIET,
];

export const aggregate: Command = {
  name: "aggregate",
  description:
    "Groups the rows of a CSV and adds them up, exactly, whatever its size, and sets bad rows apart. FILE is uploaded to a server and the totals downloaded when its job has ended; with --local this process does the work. '-' is standard input and output; without RESULT the totals go to standard output.",
  usage: "FILE [RESULT]",
  arity: [1, 2],
  options: OPTIONS,
  run: aggregateCommand,
};

async function aggregateCommand(invocation: Invocation): Promise<void> {
  const local = invocation.values.local === true;
  const counts = local ? await aggregateHere(invocation) : await aggregateOnServer(invocation);
  const { rows, groups, rejected } = counts;
  // Bad rows are worth a word wherever the result goes.
  if (rejected > 0) invocation.output.error(`${rejected} rows were rejected`);
  if (invocation.positionals[1] === undefined || invocation.positionals[1] === "-") return;
  report(invocation, `${rows} rows in ${groups} groups, ${rejected} rejected`, counts);
}

async function aggregateHere(invocation: Invocation) {
  const { positionals, values, output, signal } = invocation;
  const { aggregateLocal } = await import("../app/local-aggregate.ts");
  const target = await openTarget(positionals[1] ?? "-", signal);
  const rejects = values.rejects === undefined ? undefined : await openTarget(String(values.rejects));
  const bar = progressBar(output, "aggregating", values.quiet === true);
  try {
    const counts = await aggregateLocal({
      path: positionals[0] ?? "-",
      input: aggregateInput(values),
      memory: Number(values["job-memory"]),
      signal,
      onProgress: (done, total) => bar.update({ done, total }),
      write: (bytes) => target.write(bytes),
      writeRejects: rejects && ((bytes) => rejects.write(bytes)),
    });
    await target.finish();
    await rejects?.finish();
    return counts;
  } catch (error) {
    await target.discard();
    // They tell why it failed.
    await rejects?.finish();
    throw error;
  } finally {
    bar.end();
  }
}
