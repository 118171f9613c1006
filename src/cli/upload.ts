// `cairn upload FILE…`: uploads files to a server; an interrupted one is taken up by the same command.

import { basename } from "node:path";
import { upload as send, type Uploaded } from "../client/http/index.ts";
import { Fault } from "../wire/faults.ts";
import { ROUTES } from "../wire/routes.ts";
import type { Command, Invocation } from "./command.ts";
import { JSON_OUTPUT, QUIET } from "./large-files.ts";
import { bytesText, progressBar } from "./progress.ts";
import { PATIENCE, pathOn, SERVER } from "./transfers.ts";

export const upload: Command = {
  name: "upload",
  description:
    "Uploads each FILE and prints its id and name; '-' is standard input. What the server has is compared by SHA-256. An interrupted upload of a file goes on where it was when the command is repeated.",
  usage: "FILE…",
  arity: [1, Number.POSITIVE_INFINITY],
  options: [
    SERVER,
    { flag: "name", type: "text", help: "the name on the server  [the file's own]" },
    { flag: "parallel", type: "integer", default: "1", help: "parts sent at once, 1 to 32" },
    { flag: "fresh", type: "switch", default: "false", help: "begin anew, whatever was begun before" },
    PATIENCE,
    JSON_OUTPUT,
    QUIET,
  ],
  run: uploadCommand,
};

async function uploadCommand(invocation: Invocation): Promise<void> {
  const { positionals, values, output } = invocation;
  if (values.name !== undefined && positionals.length > 1) {
    throw new Fault("invalid", "--name is for one file", { hint: "Upload the files one by one." });
  }
  for (const path of positionals) {
    const done = await uploadOne(path, invocation);
    if (values.json === true) output.line(JSON.stringify(done));
    else output.line(`${done.id}  ${done.name}`);
    const check = done.verified ? ", verified" : "";
    const before = done.resumed > 0 ? ` (${bytesText(done.resumed)} were there)` : "";
    if (values.quiet !== true) output.note(`uploaded ${done.name}: ${bytesText(done.size)}${before}${check}`);
  }
}

async function uploadOne(path: string, { values, output, signal, ...rest }: Invocation): Promise<Uploaded> {
  const { url, headers } = pathOn({ values, output, signal, ...rest }, ROUTES.tusUploads);
  const name = String(values.name ?? (path === "-" ? "stdin" : basename(path)));
  const bar = progressBar(output, `uploading ${name}`, values.quiet === true);
  try {
    return await send(path === "-" ? process.stdin : path, {
      url,
      headers,
      name,
      signal,
      onProgress: bar.update,
      parallel: Number(values.parallel),
      patience: Number(values.patience),
      resume: values.fresh !== true,
    });
  } finally {
    bar.end();
  }
}
