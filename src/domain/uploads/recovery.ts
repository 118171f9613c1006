// What is repaired at a start: uploads that were complete when the process died, and bytes that belong to nobody.

import type { Log } from "../../ports/log.ts";
import type { Page, PageQuery, Records, UploadRecord } from "../../ports/records.ts";
import type { Staging, StagingId } from "../../ports/staging.ts";
import { isComplete, isJoin } from "./upload-state.ts";

export interface Recovered {
  /** Uploads that became files now. */
  readonly finished: number;
  /** Staged leftovers that no upload has, and joins that were broken off. */
  readonly discarded: number;
}

interface Stores {
  readonly records: Records;
  readonly staging: Staging;
  readonly log: Log;
}

interface Repairs {
  /** Makes a complete upload a file. */
  finish(id: string): Promise<unknown>;
  /** Forgets an upload, and what was staged for it. */
  discard(id: string): Promise<unknown>;
  /** Is told of every unfinished upload, and knows then which staged bytes are not leftovers. */
  readonly unfinished: {
    follow(upload: UploadRecord): void;
    isPromised(staging: StagingId): boolean;
  };
}

/** Completes by `finish` what is complete, and discards staged bytes without an upload. */
export async function recoverUploads(
  { records, staging, log }: Stores,
  { finish, discard, unfinished }: Repairs,
): Promise<Recovered> {
  let finished = 0;
  let discarded = 0;
  for await (const upload of arriving(records)) {
    unfinished.follow(upload);
    const mend = isComplete(upload) ? finish : isJoin(upload) ? discard : undefined;
    try {
      await mend?.(upload.id);
    } catch (error) {
      // One upload that cannot be mended must not keep the others from being served.
      log.error("upload.unrepaired", { id: upload.id, error });
      continue;
    }
    if (mend === finish) finished++;
    else if (mend === discard) discarded++;
  }
  for await (const id of staging.list()) {
    if (unfinished.isPromised(id)) continue;
    await staging.discard(id);
    discarded++;
  }
  if (finished + discarded > 0) log.info("uploads.recovered", { finished, discarded });
  return { finished, discarded };
}

async function* arriving(records: Records): AsyncGenerator<UploadRecord> {
  for (let after: string | null | undefined; after !== null; ) {
    const query: PageQuery = { limit: 1000, state: "arriving", ...(after && { after }) };
    const page: Page<UploadRecord> = await records.page("uploads", query);
    yield* page.records;
    after = page.next;
  }
}
