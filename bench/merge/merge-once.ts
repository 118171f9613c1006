// Merges a folder's files into a file: what bench/merge times, in a process of its own.

import { open } from "node:fs/promises";
import { DiskBucket } from "../../src/adapters/disk/bucket.ts";
import { openSyncFile } from "../../src/adapters/disk/sync-file.ts";
import { type MergeInput, mergeSorted } from "../../src/compute/merge.ts";

const [folder = "", output = ""] = process.argv.slice(2);
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
let writing: Promise<unknown> = Promise.resolve();
for await (const piece of mergeSorted(await Promise.all(inputs), {
  fanIn: Math.max(2, inputs.length),
  reuse: true,
})) {
  // As `cairn merge` does: a piece is written while the next one is merged.
  await writing;
  writing = file.write(piece);
}
await writing;
await file.close();
const [, peak = "0"] = /VmHWM:\s+(\d+) kB/.exec(await Bun.file("/proc/self/status").text()) ?? [];
process.stdout.write(String(Number(peak) * 1024));
