// The size of an upload that was begun without: compared with what is known, promised, and recorded.

import { isFault } from "../../wire/faults.ts";
import type { ActiveUpload } from "./active-upload.ts";
import type { Admission } from "./admission.ts";
import { withSize } from "./new-upload.ts";

/** Telling the same size again changes nothing. Faults: `invalid` when it contradicts what is known, `gone`, those of the admission. */
export async function declareSize(active: ActiveUpload, admission: Admission, size: number): Promise<void> {
  if (withSize(active.record, size) === active.record) return;
  const { staging } = active.record;
  await admission.promise(staging, size);
  try {
    await active.change((record) => withSize(record, size));
  } catch (error) {
    // Promised is what the record says, and nothing to an upload that was removed meanwhile.
    if (isFault(error, "gone")) admission.release(staging);
    else admission.follow(active.record);
    throw error;
  }
}
