// The handler of merge jobs: the log files of a range of days in, one sorted file out.

import {
  type MergeOptions,
  type MergeScratch,
  type MergeInput as MergeSource,
  mergeSorted,
  type SortedFile,
} from "../../compute/merge.ts";
import { plainInput } from "../../compute/plain-input.ts";
import type { Bucket } from "../../ports/bucket.ts";
import type { Json } from "../../ports/queue.ts";
import type { JobContext, JobHandler } from "./kind.ts";
import { type MergeInput, mergeKind } from "./kinds.ts";
import { findLogObjects, type LogObject } from "./log-objects.ts";
import type { Results } from "./results.ts";

export interface MergeHandlerOptions {
  readonly bucket: Bucket;
  readonly results: Results;
  /** Where intermediate runs are kept when there are more objects than may be open at one time. */
  readonly scratch?: MergeScratch;
  /** Opens objects that lie in files of this machine, which is the fastest way to read them. */
  readonly openFile?: (path: string) => SortedFile;
  /** As `mergeSorted`, which is the default, on more than one thread, say. */
  readonly merge?: (
    sources: readonly MergeSource[],
    options: MergeOptions,
  ) => AsyncGenerator<Uint8Array, void, undefined>;
}

export function mergeHandler(options: MergeHandlerOptions): JobHandler<MergeInput> {
  const { bucket, results, scratch, merge = mergeSorted } = options;
  return {
    kind: mergeKind,
    async run({ start, end, unsorted, ...order }, context): Promise<Json> {
      const range = { start, end };
      const phase = `listing ${bucket.description}`;
      context.progress({ done: 0, total: 0, unit: "bytes", phase });
      const objects = await findLogObjects(bucket, range, context.signal);
      logObjects(bucket, range, objects, context);
      const sources = await Promise.all(objects.map((object) => sourceOf(object, options)));
      const { signal } = context;
      const onProgress = progressOf(objects, context);
      const merged = merge(sources, { signal, scratch, onProgress, order, unsorted, reuse: true });
      const facts = { name: `merged_${range.start}_${range.end}.log`, mediaType: "text/plain" };
      const file = await results.store(context, facts, merged);
      return { file: file.id, objects: objects.length, bytes: file.size };
    },
  };
}

/** The object's lines, decompressed if need be. */
async function sourceOf(
  { name, size }: LogObject,
  { bucket, openFile }: MergeHandlerOptions,
): Promise<MergeSource> {
  const local = openFile && (await bucket.localFile(name));
  return plainInput({
    name,
    size,
    open: (signal) => bucket.open(name, undefined, signal),
    ...(local && { file: () => openFile(local.path) }),
  });
}

function logObjects(
  bucket: Bucket,
  { start, end }: Pick<MergeInput, "start" | "end">,
  objects: readonly LogObject[],
  context: JobContext,
): void {
  const range = start === end ? `of ${start}` : `from ${start} to ${end}`;
  context.log(
    objects.length === 0
      ? `${bucket.description} has no log file ${range}: the result is empty`
      : `merging ${objects.length} log files ${range} out of ${bucket.description}`,
  );
}

function progressOf(objects: readonly LogObject[], context: JobContext): (readBytes: number) => void {
  const total = objects.reduce((sum, { size }) => sum + size, 0);
  const phase = `merging ${objects.length} files`;
  context.progress({ done: 0, total, unit: "bytes", phase });
  // An object may have grown since it was listed.
  return (readBytes) => context.progress({ done: Math.min(readBytes, total), total, unit: "bytes", phase });
}
