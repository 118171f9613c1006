// What is repaired at a start: uploads that were complete when the process died, and bytes that belong to nobody.

import type { Log } from "../../ports/log.ts";
import type { Page, PageQuery, Records, UploadRecord } from "../../ports/records.ts";
import type { Staging, StagingId } from "../../ports/staging.ts";
import { isComplete } from "./upload-state.ts";

export interface Recovered {
  /** Uploads that became files now. */
  readonly finished: number;
  /** Staged leftovers that no upload has. */
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
  /** Is told of every unfinished upload. */
  follow(upload: UploadRecord): void;
}

/** Completes by `finish` what is complete, and discards staged bytes without an upload. */
export async function recoverUploads(
  { records, staging, log }: Stores,
  { finish, follow }: Repairs,
): Promise<Recovered> {
  const owned = new Set<StagingId>();
  let finished = 0;
  for await (const upload of arriving(records)) {
    owned.add(upload.staging);
    follow(upload);
    if (!isComplete(upload)) continue;
    try {
      await finish(upload.id);
      finished++;
    } catch (error) {
      // One upload that cannot be finished must not keep the others from being served.
      log.error("upload.unrepaired", { id: upload.id, error });
    }
  }
  let discarded = 0;
  for await (const id of staging.list()) {
    if (owned.has(id)) continue;
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
