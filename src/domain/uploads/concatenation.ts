// Several uploads joined into one file: what clients that send a file in parallel parts ask for at the end.

import type { Clock } from "../../ports/clock.ts";
import type { Records, UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import type { Append } from "./append.ts";
import { unknownUpload } from "./known-uploads.ts";
import type { NewUpload } from "./new-upload.ts";
import { isPart, isWhole } from "./upload-state.ts";
import { type Progress, refuseOver } from "./writes.ts";

export interface ConcatenationTools {
  readonly records: Records;
  readonly staging: Staging;
  readonly clock: Clock;
  readonly uploads: {
    begin(upload: NewUpload): Promise<Progress>;
    append(id: string, append: Append): Promise<Progress>;
    settle(id: string): Promise<Progress>;
    discard(id: string): Promise<unknown>;
  };
  /** The part holds no bytes any more. */
  release(part: UploadRecord): void;
}

/** What the joined upload shall be; its size is the sum of the parts'. */
export type Joined = Omit<NewUpload, "size" | "spool">;

export class Concatenation {
  readonly #tools: ConcatenationTools;
  /** By their parts. */
  readonly #running = new Map<string, Promise<Progress>>();

  constructor(tools: ConcatenationTools) {
    this.#tools = tools;
  }

  /**
   * Joins the parts in the order of `ids`. Repeating it with the same parts, after a lost answer or while the first is still
   * at work, returns the same upload. Faults: `not-found`, `gone`, `invalid` (not a part), `not-ready` (a part is not whole).
   */
  join(joined: Joined, ids: readonly string[]): Promise<Progress> {
    const key = ids.join(" ");
    const running =
      this.#running.get(key) ??
      concatenate(this.#tools, joined, ids).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }
}

async function concatenate(
  tools: ConcatenationTools,
  joined: Joined,
  ids: readonly string[],
): Promise<Progress> {
  const parts = await Promise.all(ids.map((id) => partOf(tools, id)));
  const before = await joinedBefore(tools, joined, parts);
  if (before) return before;
  for (const part of parts) refuseUnready(part, tools.clock.now());
  const size = parts.reduce((sum, part) => sum + (part.size ?? 0), 0);
  const begun = await tools.uploads.begin({ ...joined, size });
  const progress = size === 0 ? begun : await fill(tools, joined.id, parts);
  for (const part of parts) await settlePart(tools, part, progress.upload);
  return progress;
}

async function fill(
  { uploads, staging }: ConcatenationTools,
  id: string,
  parts: readonly UploadRecord[],
): Promise<Progress> {
  try {
    return await uploads.append(id, { offset: 0, source: bytesOf(staging, parts), isGiven: true });
  } catch (error) {
    // The parts are all there still, and nobody has learnt of this attempt.
    await uploads.discard(id);
    throw error;
  }
}

async function partOf({ records }: ConcatenationTools, id: string): Promise<UploadRecord> {
  const part = await records.get("uploads", id);
  if (!part) throw unknownUpload(id);
  if (!isPart(part)) throw new Fault("invalid", `the upload ${id} was not begun as a part`);
  return part;
}

/** The upload that these very parts have become. A crash may have come before the last of them was told so. */
async function joinedBefore(
  tools: ConcatenationTools,
  joined: Joined,
  parts: readonly UploadRecord[],
): Promise<Progress | undefined> {
  const id = parts.find(({ meta }) => meta.joined)?.meta.joined;
  if (id === undefined || parts.some(({ meta }) => meta.joined !== undefined && meta.joined !== id)) {
    return undefined;
  }
  const untold = parts.filter(({ meta }) => meta.joined === undefined);
  const known = await tools.uploads.settle(id);
  if (untold.length > 0 && known.upload.meta.concat !== joined.meta?.concat) return undefined;
  for (const part of untold) await settlePart(tools, part, known.upload);
  return known;
}

function refuseUnready(part: UploadRecord, now: number): void {
  refuseOver(part, now);
  if (part.state === "finished") {
    throw new Fault("conflict", `the part ${part.id} belongs to ${part.meta.joined} already`);
  }
  if (isWhole(part)) return;
  throw new Fault("not-ready", `the part ${part.id} is not complete yet`, {
    hint: "Send all bytes of every part first.",
  });
}

async function* bytesOf(staging: Staging, parts: readonly UploadRecord[]): AsyncGenerator<Uint8Array> {
  for (const { staging: id, size } of parts) yield* staging.read(id, { start: 0, end: size ?? 0 });
}

/** The part's bytes go; its record tells until it expires what it has become. */
async function settlePart(
  { records, staging, clock, release }: ConcatenationTools,
  part: UploadRecord,
  { id, fileId }: UploadRecord,
): Promise<void> {
  const meta = { ...part.meta, joined: id };
  try {
    const now = clock.now();
    await records.replace("uploads", { ...part, state: "finished", fileId, meta, updatedAt: now });
  } catch (error) {
    // Removed, or joined by another request at the same time: then its bytes are theirs to discard.
    if (isFault(error, "conflict") || isFault(error, "not-found")) return;
    throw error;
  }
  release(part);
  await staging.discard(part.staging);
}
