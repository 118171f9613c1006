// `cairn download ID|URL [FILE]`: fetches a file by parallel ranges; FILE appears only when all of it was verified.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Downloaded, download as fetchFile } from "../client/http/index.ts";
import { remoteFile } from "../client/http/remote-file.ts";
import { transferSettings } from "../client/http/settings.ts";
import { Fault } from "../wire/faults.ts";
import { pathTo, ROUTES } from "../wire/routes.ts";
import type { Command, Invocation } from "./command.ts";
import { argument, JSON_OUTPUT, QUIET, report } from "./large-files.ts";
import { openTarget, targetStream } from "./output-file.ts";
import { bytesText, progressBar } from "./progress.ts";
import { type Address, addressOf, PATIENCE, pathOn, SERVER } from "./transfers.ts";

export const download: Command = {
  name: "download",
  description:
    "Downloads a file by its id on the server, or by any URL, to FILE, to a name in the folder FILE, or under its own name. FILE is overwritten, but only once every byte was verified; until then .FILE.cairn-part beside it holds what is there, and the same command goes on with it. '-' is standard output: verified at the end, so heed the exit code.",
  usage: "ID|URL [FILE]",
  arity: [1, 2],
  options: [
    SERVER,
    { flag: "parallel", type: "integer", default: "4", help: "connections at once, 1 to 32" },
    { flag: "sha256", type: "text", word: "HEX", help: "the digest that it must have  [as the server says]" },
    { flag: "fresh", type: "switch", default: "false", help: "begin anew, whatever is there already" },
    PATIENCE,
    JSON_OUTPUT,
    QUIET,
  ],
  run: downloadCommand,
};

async function downloadCommand(invocation: Invocation): Promise<void> {
  const what = argument(invocation, 0);
  const address = /^https?:\/\//i.test(what)
    ? addressOf(what)
    : pathOn(invocation, pathTo(ROUTES.file, { id: what }));
  const path = await placeOf(invocation, address, what);
  const bar = progressBar(invocation.output, `downloading ${path}`, invocation.values.quiet === true);
  let done: Downloaded;
  try {
    done = await fetchTo(path, address, invocation, bar.update);
  } finally {
    bar.end();
  }
  if (path === "-") return;
  const check = done.verified ? ", verified" : ", not verified: the server tells no digest";
  const before = done.resumed > 0 ? ` (${bytesText(done.resumed)} were there)` : "";
  report(invocation, `downloaded ${path}: ${bytesText(done.size)}${before}${check}`, { ...done, path });
}

async function fetchTo(
  path: string,
  { url, headers }: Address,
  { values, signal }: Invocation,
  onProgress: ReturnType<typeof progressBar>["update"],
): Promise<Downloaded> {
  const { sha256 } = values;
  const options = {
    ...{ headers, signal, onProgress },
    parallel: Number(values.parallel),
    patience: Number(values.patience),
    resume: values.fresh !== true,
    ...(typeof sha256 === "string" && { sha256 }),
  };
  const there = path === "-" ? undefined : await stat(path).catch(() => undefined);
  if (path !== "-" && (there === undefined || there.isFile())) return fetchFile(url, path, options);
  return fetchFile(url, targetStream(await openTarget(path, signal)), options);
}

/** FILE as it was given, or the file's own name, in the folder FILE or here. Its own name overwrites nothing. */
async function placeOf(invocation: Invocation, { url, headers }: Address, what: string): Promise<string> {
  const given = argument(invocation, 1);
  const there = given === "" || given === "-" ? undefined : await stat(given).catch(() => undefined);
  if (given !== "" && !there?.isDirectory()) return given;
  const { signal, values } = invocation;
  const settings = transferSettings({ headers, signal, patience: Number(values.patience) });
  const { name } = await remoteFile(url.href, settings);
  const path = join(given, safeName(name) ?? safeName(what) ?? "download");
  if ((await stat(path).catch(() => undefined)) === undefined) return path;
  throw new Fault("exists", `${path} already exists`, { hint: "Name FILE to overwrite it, or another one." });
}

/** A name that stays in its folder, whatever a server says. */
function safeName(name: string): string | undefined {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const plain = [...last].map((char) => (char < " " || char === "\x7f" ? "_" : char)).join("");
  return /^\.*$/.test(plain) ? undefined : plain.slice(0, 200);
}
