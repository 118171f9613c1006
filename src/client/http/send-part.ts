// Sends what an upload still misses, chunk by chunk, and takes it up again whenever the connection breaks.

import { Fault, isFault } from "../../wire/faults.ts";
import { Backoff } from "./backoff.ts";
import type { TransferSettings } from "./remote-file.ts";
import { isPassing } from "./request.ts";
import { askUpload, type Chunk, type Standing, sendChunk } from "./tus.ts";
import { type Bytes, type UploadSource, unlessStopped } from "./upload-source.ts";

export interface Part {
  readonly url: string;
  /** Where it begins in the source. */
  readonly start: number;
  /** Where it ends; undefined while nobody knows. */
  readonly end: number | undefined;
}

export interface SendSettings extends TransferSettings {
  /** Makes the checksum of a chunk, if the server wants one. */
  readonly checksum: ((bytes: Bytes) => Promise<string>) | undefined;
  /** The part has so many bytes on the server. */
  readonly onOffset: (offset: number) => void;
}

/** Sends the rest of `part`; `standing` is where the server stood when last asked. Faults as those of tus.ts. */
export async function sendPart(
  part: Part,
  standing: Standing,
  source: UploadSource,
  settings: SendSettings,
): Promise<Standing> {
  const backoff = new Backoff(settings, isMendable);
  const pace = new Pace();
  let now = standing;
  settings.onOffset(now.offset);
  while (!isComplete(part, now)) {
    const before = now.offset;
    try {
      const reading = nextChunk(part, now, source, pace.bytes);
      const chunk = await unlessStopped(reading, settings.signal);
      const startedAt = performance.now();
      const sum = settings.checksum && { checksum: await settings.checksum(chunk.bytes) };
      const answer = await sendChunk(
        part.url,
        { ...chunk, ...sum },
        settings,
        pace.timeout(settings.idleTimeout),
      );
      pace.took(performance.now() - startedAt, chunk.bytes.length);
      now = { ...answer, length: chunk.length ?? now.length };
    } catch (error) {
      pace.failed();
      await backoff.pause(error);
      now = await ask(part.url, backoff, settings);
    }
    if (now.offset > before) backoff.moved();
    settings.onOffset(now.offset);
  }
  return now;
}

/** Asks until there is an answer, on the patience of `backoff`. */
async function ask(url: string, backoff: Backoff, settings: TransferSettings): Promise<Standing> {
  for (;;) {
    try {
      return await askUpload(url, settings);
    } catch (error) {
      await backoff.pause(error);
    }
  }
}

async function nextChunk(
  { start, end }: Part,
  { offset, length }: Standing,
  source: UploadSource,
  most: number,
): Promise<Chunk> {
  const from = start + offset;
  const to = Math.min(from + most, end ?? Number.MAX_SAFE_INTEGER);
  const bytes = await source.read(from, to);
  if (end !== undefined && bytes.length < to - from) {
    throw new Fault("replaced", `${source.name} has become shorter while it was being uploaded`);
  }
  // A length that nobody knew at the beginning is told with the last bytes.
  const total = end === undefined && length === undefined ? source.size : undefined;
  const isLast = total !== undefined && from + bytes.length === total;
  return isLast ? { offset, bytes, length: total } : { offset, bytes };
}

function isComplete({ start, end }: Part, { offset, length }: Standing): boolean {
  const total = end === undefined ? length : end - start;
  return total !== undefined && offset >= total;
}

/** Also what asking for the offset mends: another offset than we thought, and a chunk that was damaged on its way. */
function isMendable(error: unknown): error is Fault {
  return isPassing(error) || isFault(error, "conflict") || isFault(error, "checksum");
}

const SMALLEST = 65_536;
const FIRST = 1_048_576;
const LARGEST = 4 * 1_048_576;
const QUICK_MS = 1_000;
const SLOW_MS = 8_000;

/** How much is sent at once: a second's worth or more, so that progress shows and a broken line costs little. */
class Pace {
  #bytes = FIRST;
  /** Milliseconds for a byte when one chunk was last sent; undefined before that. */
  #perByte: number | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  /** Sending cannot be watched, so the whole chunk has to be answered in that time: many times what is expected. */
  timeout(idle: number): number {
    const expected = this.#perByte === undefined ? SLOW_MS : this.#perByte * this.#bytes;
    return idle + 8 * Math.min(SLOW_MS, expected);
  }

  took(ms: number, bytes: number): void {
    this.#perByte = ms / Math.max(1, bytes);
    if (ms < QUICK_MS) this.#bytes = Math.min(LARGEST, this.#bytes * 2);
    else if (ms > SLOW_MS) this.#shrink();
  }

  failed(): void {
    this.#perByte = undefined;
    this.#shrink();
  }

  #shrink(): void {
    this.#bytes = Math.max(SMALLEST, this.#bytes / 2);
  }
}
