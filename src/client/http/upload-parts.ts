// The way of one upload: taken up or begun, in one part or several, sent, and joined.

import { Fault, isFault } from "../../wire/faults.ts";
import { persist } from "./backoff.ts";
import { inLanes } from "./lanes.ts";
import { type SendSettings, sendPart } from "./send-part.ts";
import type { TransferProgress } from "./settings.ts";
import { askUpload, createUpload, joinUploads, type Metadata, type Standing, type TusServer } from "./tus.ts";
import type { UploadSource } from "./upload-source.ts";
import { type NotedPart, readNote, type UploadStore } from "./upload-store.ts";

/** What one upload works with. */
export interface Job {
  readonly source: UploadSource;
  readonly endpoint: string;
  readonly metadata: Metadata;
  readonly name: string;
  readonly parallel: number;
  readonly settings: SendSettings;
  readonly onProgress: (progress: TransferProgress) => void;
  readonly server: TusServer;
  /** undefined: nothing is noted. */
  readonly notes: { readonly store: UploadStore; readonly key: string; readonly isRead: boolean } | undefined;
}

/** A complete upload. */
export interface Sent {
  readonly url: string;
  readonly standing: Standing;
  readonly resumed: number;
}

/** Below this, parts are not worth their requests. */
const SMALLEST_PART = 1_048_576;

export async function send(job: Job): Promise<Sent> {
  const { source, notes } = job;
  if (source.size === undefined) return sendUnmeasured(job);
  const parts = (await takeUp(job, source.size)) ?? (await begin(job, source.size));
  const resumed = parts.reduce((sum, { standing }) => sum + standing.offset, 0);
  const ended = await sendParts(job, parts, source.size, resumed);
  const [first] = ended;
  if (!first) throw new Fault("internal", "an upload has at least one part");
  const whole = ended.length === 1 ? first : await join(job, ended, source.size);
  await notes?.store.delete(notes.key);
  return { ...whole, resumed };
}

/** The upload has expired, failed or was removed: there is nothing to take up. */
export function isOver(error: unknown): boolean {
  return ["not-found", "gone", "mismatch"].some((code) => isFault(error) && error.code === code);
}

interface Begun extends NotedPart {
  readonly standing: Standing;
}

/** What an earlier run has noted, if all of it is still there. */
async function takeUp({ notes, settings }: Job, size: number): Promise<readonly Begun[] | undefined> {
  if (!notes?.isRead) return undefined;
  const note = readNote(await notes.store.get(notes.key), size);
  if (!note) return undefined;
  try {
    return await Promise.all(
      note.parts.map(async (part) => ({
        ...part,
        standing: await persist(settings, () => askUpload(part.url, settings)),
      })),
    );
  } catch (error) {
    if (!isOver(error)) throw error;
    await notes.store.delete(notes.key);
    return undefined;
  }
}

async function begin(job: Job, size: number): Promise<readonly Begun[]> {
  const { server, parallel, endpoint, settings, notes } = job;
  const most = server.extensions.has("concatenation") ? parallel : 1;
  const count = Math.max(1, Math.min(most, Math.floor(size / SMALLEST_PART)));
  const isPartial = count > 1;
  const metadata = isPartial ? [] : job.metadata;
  const parts = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const start = Math.floor((size * i) / count);
      const end = Math.floor((size * (i + 1)) / count);
      const what = { length: end - start, metadata, isPartial };
      return { start, end, ...(await persist(settings, () => createUpload(endpoint, what, settings))) };
    }),
  );
  const noted = parts.map(({ url, start, end }): NotedPart => ({ url, start, end }));
  await notes?.store.set(notes.key, JSON.stringify({ size, parts: noted }));
  return parts;
}

async function sendParts(
  job: Job,
  parts: readonly Begun[],
  size: number,
  resumed: number,
): Promise<readonly Begun[]> {
  const offsets = parts.map(({ standing }) => standing.offset);
  const ended: Begun[] = [...parts];
  const report = () =>
    job.onProgress({ done: offsets.reduce((sum, bytes) => sum + bytes, 0), total: size, resumed });
  report();
  await inLanes(parts.length, [...parts.entries()], job.settings.signal, async ([i, part], signal) => {
    const onOffset = (offset: number) => {
      offsets[i] = offset;
      report();
    };
    const standing = await sendPart(part, part.standing, job.source, { ...job.settings, signal, onOffset });
    ended[i] = { ...part, standing };
  });
  return ended;
}

/** Repeated after a lost answer: Cairn returns the same file for the same parts. */
async function join(
  { endpoint, metadata, settings }: Job,
  parts: readonly Begun[],
  length: number,
): Promise<{ url: string; standing: Standing }> {
  const what = { urls: parts.map(({ url }) => url), length, metadata };
  const created = await persist(settings, () => joinUploads(endpoint, what, settings));
  if (created.standing.sha256 !== undefined) return created;
  return { url: created.url, standing: await persist(settings, () => askUpload(created.url, settings)) };
}

/** The length of a stream is told at its end. */
async function sendUnmeasured(job: Job): Promise<Sent> {
  const { source, server, endpoint, metadata, settings, onProgress } = job;
  if (!server.extensions.has("creation-defer-length")) {
    throw new Fault("invalid", `${endpoint} must know the length of an upload at its beginning`, {
      hint: "Write the stream to a file first, and upload that.",
    });
  }
  const what = { length: undefined, metadata, isPartial: false };
  const { url, standing } = await persist(settings, () => createUpload(endpoint, what, settings));
  const onOffset = (done: number) => onProgress({ done, total: source.size, resumed: 0 });
  const part = { url, start: 0, end: undefined };
  return { url, resumed: 0, standing: await sendPart(part, standing, source, { ...settings, onOffset }) };
}
