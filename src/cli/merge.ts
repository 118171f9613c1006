// `cairn merge`: merges sorted files here, in place of `sort -m`, or the log files of a range of days on a server.

import { download } from "../client/http/index.ts";
import { isSpecial, type LineOrder } from "../compute/line-order.ts";
import { plainInput } from "../compute/plain-input.ts";
import { Fault } from "../wire/faults.ts";
import { pathTo, ROUTES } from "../wire/routes.ts";
import type { Command, Invocation } from "./command.ts";
import { JSON_OUTPUT, QUIET, report } from "./large-files.ts";
import { LocalScratch, localInput } from "./local-files.ts";
import type { Option } from "./option.ts";
import { openTarget, targetStream } from "./output-file.ts";
import { bytesText, progressBar } from "./progress.ts";
import { runOnServer } from "./server-jobs.ts";
import { MERGE_THREADS } from "./settings.ts";
import { PATIENCE, pathOn, SERVER } from "./transfers.ts";

const ORDER: readonly Option[] = [
  {
    flag: "key",
    short: "k",
    type: "text",
    word: "COLUMNS|time[:N]",
    help: "order by columns, 3,1, or by a time stamp, in column N; default: whole lines by their bytes",
  },
  { flag: "delimiter", short: "t", type: "text", help: "between columns; default: runs of spaces and tabs" },
  {
    flag: "unique",
    short: "u",
    type: "switch",
    default: "false",
    help: "of equal keys keep the first line only",
  },
  {
    flag: "reverse",
    short: "r",
    type: "switch",
    default: "false",
    help: "the inputs are sorted backwards, and so is the output",
  },
  {
    flag: "continuation",
    type: "switch",
    default: "false",
    help: "lines without a time stamp, or indented ones, stay with the line before",
  },
  {
    flag: "source-prefix",
    type: "switch",
    default: "false",
    help: "begin each line with its input's name and ': '",
  },
  {
    flag: "unsorted",
    type: "choice",
    choices: ["fail", "sort"],
    default: "fail",
    help: "what becomes of an input that is not sorted",
  },
];

export const merge: Command = {
  name: "merge",
  description:
    "Merges sorted FILEs of this machine ('-' or none: standard input), plain, gzip or zstd; or, with --from, the log files of a range of days on a server. The output appears under its name when it is whole; '-' is standard output.",
  usage: "[--local] FILE… | --from DATE --to DATE",
  arity: [0, Number.POSITIVE_INFINITY],
  options: [
    {
      flag: "output",
      short: "o",
      type: "text",
      default: "-",
      word: "FILE",
      help: "where the merged lines go",
    },
    ...ORDER,
    {
      flag: "local",
      type: "switch",
      default: "false",
      help: "merge here, even with a server set; the default with FILEs",
    },
    { flag: "from", type: "text", word: "DATE", help: "the first day, on the server's bucket" },
    { flag: "to", type: "text", word: "DATE", help: "the last day, included; default: the same" },
    MERGE_THREADS,
    SERVER,
    PATIENCE,
    JSON_OUTPUT,
    QUIET,
  ],
  run: (invocation) => (isRemote(invocation) ? mergeRemotely(invocation) : mergeLocally(invocation)),
};

function isRemote({ values, positionals }: Invocation): boolean {
  if (values.from === undefined || values.local === true) return false;
  if (positionals.length === 0) return true;
  throw new Fault("invalid", "FILEs are merged here, and a range of days on a server: give one or the other");
}

async function mergeLocally(invocation: Invocation): Promise<void> {
  const { positionals, values, output, signal } = invocation;
  const order = orderOf(invocation);
  const inputs = await Promise.all((positionals.length > 0 ? positionals : ["-"]).map(localInput));
  const total = inputs.every(({ size }) => size !== undefined)
    ? inputs.reduce((sum, { size = 0 }) => sum + size, 0)
    : undefined;
  const path = String(values.output);
  const bar = progressBar(output, `merging ${inputs.length} files`, values.quiet === true);
  await using scratch = new LocalScratch();
  const target = await openTarget(path, signal);
  let bytes = 0;
  try {
    const { mergeOnThreads } = await import("../app/merge-threads.ts");
    const merge = {
      ...{ signal, scratch, order, reuse: true },
      unsorted: values.unsorted === "sort" ? "sort" : "fail",
      onProgress: (done: number) => bar.update({ done, total }),
    } as const;
    const merged = mergeOnThreads(inputs.map(plainInput), merge, { threads: threadsOf(values) });
    let writing: Promise<void> = Promise.resolve();
    for await (const piece of merged) {
      // A piece is written while the next one is merged.
      await writing;
      writing = target.write(piece);
      // It is awaited with the next piece; until then its error waits with it.
      writing.catch(() => undefined);
      bytes += piece.length;
    }
    await writing;
    await target.finish();
  } catch (error) {
    await target.discard();
    throw error;
  } finally {
    bar.end();
  }
  if (path === "-") return;
  report(invocation, `merged ${inputs.length} files: ${bytesText(bytes)} into ${path}`, {
    ...{ files: inputs.length, bytes, path },
  });
}

async function mergeRemotely(invocation: Invocation): Promise<void> {
  const { values, signal } = invocation;
  const { prefix, unique, reverse, continuation, key } = orderOf(invocation);
  const start = String(values.from);
  const input = {
    ...{ start, end: String(values.to ?? start) },
    ...(key && { key: JSON.parse(JSON.stringify(key)) }),
    ...(prefix && { prefix }),
    ...(unique && { unique }),
    ...(reverse && { reverse }),
    ...(continuation && { continuation }),
    ...(values.unsorted === "sort" && { unsorted: "sort" }),
  };
  const { id, file, log } = await runOnServer(invocation, { kind: "merge", input });
  if (!file) throw new Fault("gone", `the result of the merge ${id} has expired or was removed`);
  const path = String(values.output);
  const { url, headers } = pathOn(invocation, pathTo(ROUTES.file, { id: file.id }));
  const options = { headers, signal, patience: Number(values.patience) };
  await download(url, path === "-" ? targetStream(await openTarget(path, signal)) : path, options);
  if (path === "-") return;
  const said = log.map(({ text }) => text).join("; ");
  report(invocation, `${said}: ${bytesText(file.size)} into ${path}`, { ...file, path });
}

function threadsOf({ "merge-threads": given }: Invocation["values"]): number | undefined {
  const threads = given === undefined ? undefined : Number(given);
  if (threads === undefined || (threads >= 1 && threads <= 16)) return threads;
  throw new Fault("invalid", `--merge-threads: ${threads} is outside 1 to 16`);
}

function orderOf({ values }: Invocation): LineOrder {
  const key = keyOf(values.key, values.delimiter);
  const order: LineOrder = {
    ...(key && { key }),
    unique: values.unique === true,
    reverse: values.reverse === true,
    continuation: values.continuation === true,
    prefix: values["source-prefix"] === true,
  };
  return isSpecial(order) ? order : {};
}

function keyOf(key: unknown, delimiter: unknown): LineOrder["key"] {
  if (typeof key !== "string") {
    if (typeof delimiter !== "string") return undefined;
    throw new Fault("invalid", "--delimiter is for columns: give --key, too");
  }
  const separated = typeof delimiter === "string" && { delimiter };
  const [, column] = /^time(?::(\d{1,4}))?$/.exec(key) ?? [];
  if (key.startsWith("time") && (key === "time" || column)) {
    return { time: true, ...(column && { columns: [Number(column)] }), ...separated };
  }
  if (/^\d{1,4}(,\d{1,4})*$/.test(key)) return { columns: key.split(",").map(Number), ...separated };
  throw new Fault("invalid", `--key: ${JSON.stringify(key)} is neither columns, as 3,1, nor time or time:N`);
}
