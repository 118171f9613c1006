// The input of an aggregation as a local file that DuckDB can read.

import { open } from "node:fs/promises";
import type { AggregationSource } from "../../ports/aggregation.ts";

/** The path of the file itself where it is local and plain, else of a copy at `spool`. */
export async function localInput(
  { content }: Pick<AggregationSource, "content">,
  spool: string,
  signal: AbortSignal,
): Promise<string> {
  if ("path" in content) return content.path;
  // By file handle: Bun's own writer drops the error of a full disk.
  await using file = await open(spool, "w");
  for await (const bytes of content) {
    signal.throwIfAborted();
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
      at += bytesWritten;
    }
  }
  return spool;
}
