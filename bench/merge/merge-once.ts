// Merges a folder's files into a file: what bench/merge times, in a process of its own. Prints its peak of memory.
//
// usage: merge-once.ts FOLDER OUTPUT ORDER [THREADS]   (ORDER: JSON; THREADS: as many as `cairn merge` takes by itself)

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { DiskBucket } from "../../src/adapters/disk/bucket.ts";
import { openSyncFile } from "../../src/adapters/disk/sync-file.ts";
import { mergeOnThreads } from "../../src/app/merge-threads.ts";
import type { MergeInput } from "../../src/compute/merge.ts";
import { FileOutput } from "../../src/wire/file-output.ts";

const [folder = "", output = "", order = "{}", threads] = process.argv.slice(2);
const bucket = new DiskBucket(folder);
const inputs: Promise<MergeInput>[] = [];
for (let after: string | undefined = ""; after !== undefined; ) {
  const page = await bucket.list("", after);
  inputs.push(
    ...page.objects.map(async ({ name, size }) => {
      const { path } = await bucket.localFile(name);
      return {
        name,
        size,
        open: (signal: AbortSignal | undefined) => bucket.open(name, undefined, signal),
        file: () => openSyncFile(path),
      };
    }),
  );
  after = page.next ?? undefined;
}
const file = await open(output, "w");
const target = new FileOutput(file, {
  openDirect: () => open(output, constants.O_WRONLY | constants.O_DIRECT),
});
let writing: Promise<unknown> = Promise.resolve();
const merge = { fanIn: Math.max(2, inputs.length), reuse: true, order: JSON.parse(order) };
const merged = mergeOnThreads(await Promise.all(inputs), merge, {
  threads: threads === undefined ? undefined : Number(threads),
});
for await (const piece of merged) {
  // As `cairn merge` does: a piece is written while the next one is merged.
  await writing;
  writing = target.write(piece);
}
await writing;
await target.end();
await target[Symbol.asyncDispose]();
await file.close();
const [, peak = "0"] = /VmHWM:\s+(\d+) kB/.exec(await Bun.file("/proc/self/status").text()) ?? [];
process.stdout.write(String(Number(peak) * 1024));
