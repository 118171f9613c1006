// Sends a file in chunks by the Dropzone protocol: several at once, each retried, resumed after a reload.

import type { UploadEntry } from "../wire/api.ts";
import { Fault, isFault } from "../wire/faults.ts";
import { pathTo, ROUTES } from "../wire/routes.ts";
import { type ChunkAnswer, sendForm } from "./chunk-request.ts";
import { fetchJson } from "./requests.ts";

export interface UploadHooks {
  readonly signal: AbortSignal;
  /** Bytes that the server has, or that are on their way. */
  readonly onProgress: (sent: number) => void;
}

/** 8 MiB: a request of a few hundred milliseconds on a LAN, and below the body caps that proxies come with. */
const CHUNK = 8 * 1024 * 1024;
/** A browser opens six connections to a server at most; the others stay free for the page itself. */
const PARALLEL = 4;
const ATTEMPTS = 6;

/** Sends `file`; the id of the job that the completed upload started. */
export async function uploadFile(file: File, hooks: UploadHooks): Promise<string> {
  const key = `cairn.upload:${file.name}:${file.size}:${file.lastModified}`;
  const { uuid, chunks } = await planUpload(file, key, hooks.signal);
  const sent = new Map<number, number>();
  const report = (offset: number, bytes: number): void => {
    sent.set(offset, bytes);
    const missing = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
    hooks.onProgress(file.size - missing + [...sent.values()].reduce((sum, bytes) => sum + bytes, 0));
  };
  const answers = await inParallel(chunks, (chunk) =>
    sendWithRetries(
      () =>
        sendForm(formOf(file, uuid, chunk), hooks.signal, (bytes) =>
          report(chunk.offset, Math.min(bytes, chunk.size)),
        ),
      hooks.signal,
    ),
  );
  window.localStorage.removeItem(key);
  const jobId = answers.find((answer) => answer.job_id !== undefined)?.job_id;
  if (jobId === undefined)
    throw new Fault("internal", `The server has all of ${file.name}, but started no job.`);
  return jobId;
}

interface Chunk {
  readonly index: number;
  readonly offset: number;
  readonly size: number;
}

/** What is still to be sent: all of it, or what an earlier visit left over. */
async function planUpload(
  file: File,
  key: string,
  signal: AbortSignal,
): Promise<{ uuid: string; chunks: readonly Chunk[] }> {
  const all = chunksOf(file.size);
  const known = window.localStorage.getItem(key);
  const ranges = known === null ? undefined : await coveredRanges(known, signal);
  if (known !== null && ranges !== undefined) {
    const left = all.filter((chunk) => !covered(chunk, ranges));
    // A repeated chunk of a complete file is answered with its job.
    return { uuid: known, chunks: left.length > 0 ? left : all.slice(-1) };
  }
  const uuid = randomId();
  window.localStorage.setItem(key, uuid);
  return { uuid, chunks: all };
}

async function coveredRanges(
  uuid: string,
  signal: AbortSignal,
): Promise<readonly (readonly [number, number])[] | undefined> {
  try {
    const path = pathTo(ROUTES.upload, { id: `dropzone:${uuid}` });
    const upload = await fetchJson<UploadEntry>(path, { signal });
    return upload.state === "failed" ? undefined : upload.ranges;
  } catch (error) {
    if (isFault(error, "not-found") || isFault(error, "gone")) return undefined;
    throw error;
  }
}

function chunksOf(size: number): readonly Chunk[] {
  const count = Math.max(1, Math.ceil(size / CHUNK));
  return Array.from({ length: count }, (_, index) => {
    const offset = index * CHUNK;
    return { index, offset, size: Math.min(CHUNK, size - offset) };
  });
}

function covered(chunk: Chunk, ranges: readonly (readonly [number, number])[]): boolean {
  return ranges.some(([start, end]) => start <= chunk.offset && chunk.offset + chunk.size <= end);
}

function formOf(file: File, uuid: string, chunk: Chunk): FormData {
  const form = new FormData();
  const fields = {
    dzuuid: uuid,
    dzchunkindex: chunk.index,
    dzchunkbyteoffset: chunk.offset,
    dzchunksize: CHUNK,
    dztotalfilesize: file.size,
    dztotalchunkcount: chunksOf(file.size).length,
    dzfilename: file.name,
  };
  // An empty file has no byte to cover; it is sent plain, as Dropzone sends all that fits in one chunk.
  if (file.size > 0) for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
  form.set("file", file.slice(chunk.offset, chunk.offset + chunk.size), file.name);
  return form;
}

async function inParallel(
  chunks: readonly Chunk[],
  send: (chunk: Chunk) => Promise<ChunkAnswer>,
): Promise<readonly ChunkAnswer[]> {
  const answers: ChunkAnswer[] = [];
  const waiting = [...chunks];
  const lane = async (): Promise<void> => {
    for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift())
      answers.push(await send(chunk));
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  return answers;
}

/** Repeats what another try may mend: no answer, or a server that is busy or failing. */
async function sendWithRetries(send: () => Promise<ChunkAnswer>, signal: AbortSignal): Promise<ChunkAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const passing = ["unreachable", "busy", "internal"].some(
        (code) => isFault(error) && error.code === code,
      );
      if (!passing || attempt === ATTEMPTS || signal.aborted) throw error;
      await pause(500 * 2 ** (attempt - 1), signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** `crypto.randomUUID` exists on https and localhost only; this works on a plain http address of the LAN too. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
