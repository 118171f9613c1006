// Where a merge keeps what does not fit into its memory.

import type { MergeInput } from "./merge-input.ts";

/** An intermediate run, kept until it is disposed. */
export type MergeRun = MergeInput & AsyncDisposable;

/** Where runs are kept when there are more inputs than may be open at one time, or one has to be sorted. */
export interface MergeScratch {
  keep(run: AsyncIterable<Uint8Array>): Promise<MergeRun>;
}
