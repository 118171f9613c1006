// The handler of merge jobs: the log files of a range of days in, one sorted file out.

import { type MergeScratch, mergeSorted } from "../../compute/merge.ts";
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
}

export function mergeHandler({ bucket, results, scratch }: MergeHandlerOptions): JobHandler<MergeInput> {
  return {
    kind: mergeKind,
    async run(range, context): Promise<Json> {
      const phase = `listing ${bucket.description}`;
      context.progress({ done: 0, total: 0, unit: "bytes", phase });
      const objects = await findLogObjects(bucket, range, context.signal);
      logObjects(bucket, range, objects, context);
      const merged = mergeSorted(
        objects.map(({ name }) => ({ name, open: (signal) => bucket.open(name, undefined, signal) })),
        { signal: context.signal, scratch, onProgress: progressOf(objects, context) },
      );
      const facts = { name: `merged_${range.start}_${range.end}.log`, mediaType: "text/plain" };
      const file = await results.store(context, facts, merged);
      return { file: file.id, objects: objects.length, bytes: file.size };
    },
  };
}

function logObjects(
  bucket: Bucket,
  { start, end }: MergeInput,
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
