// The end of uploads whose time is over.

import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Records, UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { isFault } from "../../wire/faults.ts";
import { asExpired, type UploadNotices } from "./upload-notice.ts";

export interface SweepTools {
  readonly records: Records;
  readonly staging: Staging;
  readonly clock: Clock;
  readonly log: Log;
  readonly notices: UploadNotices;
  /** ms that an upload stays known after its end. */
  readonly lifetime: number;
  readonly isUsed: (id: string) => boolean;
  /** Forgets an upload that ended. */
  readonly discard: (id: string) => Promise<unknown>;
  /** Is told of an upload that ends now. */
  readonly onEnd: (upload: UploadRecord) => void;
}

/** Uploads that are ended at once: they share their commits, and other requests come between the steps. */
const STEP = 50;

/**
 * Ends up to `limit` uploads whose time is over, but none that is being written (the clock may have jumped). They stay
 * known as failed for another lifetime, then go, as do those that finished. Returns how many were ended.
 */
export async function sweepUploads(tools: SweepTools, limit: number): Promise<number> {
  const expired = await tools.records.expired("uploads", tools.clock.now(), limit);
  const over = expired.filter(({ id }) => !tools.isUsed(id));
  for (let at = 0; at < over.length; at += STEP) {
    await Promise.all(over.slice(at, at + STEP).map((upload) => sweepOne(tools, upload)));
  }
  return over.length;
}

async function sweepOne(tools: SweepTools, upload: UploadRecord): Promise<void> {
  try {
    await (upload.state === "arriving" ? expire(tools, upload) : tools.discard(upload.id));
  } catch (error) {
    if (!isFault(error, "not-found") && !isFault(error, "conflict")) throw error;
  }
}

async function expire(tools: SweepTools, upload: UploadRecord): Promise<void> {
  const ended = asExpired(upload, tools.clock.now(), tools.lifetime);
  await tools.records.replace("uploads", ended, tools.notices("expired", ended));
  tools.onEnd(upload);
  await tools.staging.discard(upload.staging);
  tools.log.info("upload.expired", { id: upload.id });
}
