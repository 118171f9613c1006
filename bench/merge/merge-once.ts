// Merges a folder's files into a file: what bench/merge times, in a process of its own.

import { DiskBucket } from "../../src/adapters/disk/bucket.ts";
import { mergeSorted } from "../../src/compute/merge.ts";

const [folder = "", output = ""] = process.argv.slice(2);
const bucket = new DiskBucket(folder);
const inputs = [];
for (let after: string | undefined = ""; after !== undefined; ) {
  const page = await bucket.list("", after);
  inputs.push(
    ...page.objects.map(({ name }) => ({
      name,
      open: (signal?: AbortSignal) => bucket.open(name, undefined, signal),
    })),
  );
  after = page.next ?? undefined;
}
const sink = Bun.file(output).writer({ highWaterMark: 1024 * 1024 });
for await (const piece of mergeSorted(inputs, { fanIn: Math.max(2, inputs.length) })) {
  sink.write(piece);
  await sink.flush();
}
await sink.end();
