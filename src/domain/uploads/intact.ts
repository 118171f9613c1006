// Whether what the ledger lists is still in staging: a file that was cut short must not be filled up with zeros.

import type { UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { isFault } from "../../wire/faults.ts";
import { isWhole } from "./upload-state.ts";

/** False when the last listed byte of an unfinished upload cannot be read. A whole one is checked by its completion. */
export async function isIntact(staging: Staging, upload: UploadRecord): Promise<boolean> {
  const end = upload.coverage.at(-1)?.[1] ?? 0;
  if (upload.state !== "arriving" || isWhole(upload) || end === 0) return true;
  let size = 0;
  try {
    for await (const piece of staging.read(upload.staging, { start: end - 1, end })) size += piece.length;
  } catch (error) {
    if (!isFault(error, "not-found")) throw error;
  }
  return size === 1;
}
