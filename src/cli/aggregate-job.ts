// An aggregation on a server: upload, job, progress, download.

import { download, upload } from "../client/http/index.ts";
import type { JobEntry } from "../wire/api.ts";
import { Fault } from "../wire/faults.ts";
import { pathTo, ROUTES } from "../wire/routes.ts";
import type { Invocation } from "./command.ts";
import { openTarget } from "./output-file.ts";
import { progressBar } from "./progress.ts";
import { aggregateInput } from "./query.ts";
import { runOnServer } from "./server-jobs.ts";
import { pathOn } from "./transfers.ts";

export interface Counts {
  readonly rows: number;
  readonly groups: number;
  readonly rejected: number;
  readonly [more: string]: unknown;
}

export async function aggregateOnServer(invocation: Invocation): Promise<Counts> {
  const { positionals, values } = invocation;
  const input = aggregateInput(values);
  const fileId = await send(positionals[0] ?? "-", invocation);
  const job = await runOnServer(invocation, { kind: "aggregate", input: { ...input, fileId } });
  await fetchTo(positionals[1] ?? "-", job.file, invocation);
  if (values.rejects !== undefined && job.rejects) {
    await fetchTo(String(values.rejects), job.rejects, invocation);
  }
  return countsOf(job);
}

async function send(path: string, invocation: Invocation): Promise<string> {
  const { values, output, signal } = invocation;
  const { url, headers } = pathOn(invocation, ROUTES.tusUploads);
  const bar = progressBar(output, `uploading ${path}`, values.quiet === true);
  try {
    const source = path === "-" ? process.stdin : path;
    const name = path === "-" ? "stdin.csv" : (path.split(/[/\\]/).at(-1) ?? path);
    const patience = Number(values.patience);
    // The SHA-256 of all of it is compared at the end. One of each chunk too makes the upload half as long again.
    const options = { name, signal, patience, checksum: false, onProgress: bar.update };
    return (await upload(source, { url, headers, ...options })).id;
  } finally {
    bar.end();
  }
}

async function fetchTo(path: string, file: JobEntry["file"], invocation: Invocation): Promise<void> {
  if (!file) throw new Fault("gone", "the result was removed before it could be downloaded");
  const { values, output, signal } = invocation;
  const { url, headers } = pathOn(invocation, pathTo(ROUTES.file, { id: file.id }));
  const bar = progressBar(output, `downloading ${file.name}`, values.quiet === true);
  const target = await openTarget(path, signal);
  const sink = new WritableStream<Uint8Array>({
    write: (bytes) => target.write(bytes),
    close: () => target.finish(),
    abort: () => target.discard(),
  });
  try {
    const patience = Number(values.patience);
    await download(url, sink, { headers, signal, patience, sha256: file.sha256, onProgress: bar.update });
  } finally {
    bar.end();
  }
}

function countsOf({ id, result }: JobEntry): Counts {
  const facts = typeof result === "object" && result !== null && !Array.isArray(result) ? result : {};
  const number = (name: string) => Number(Object.getOwnPropertyDescriptor(facts, name)?.value ?? 0);
  return { job: id, rows: number("rows"), groups: number("groups"), rejected: number("rejected") };
}
