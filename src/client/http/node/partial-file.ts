// A file that is still arriving, beside its final name: its bytes, and a note of which of them are there.

import { type FileHandle, open, readFile, rename, stat, statfs, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Span } from "../../../wire/byte-ranges.ts";
import { Fault, toFault } from "../../../wire/faults.ts";
import type { Piece } from "../read-range.ts";
import type { RemoteFile } from "../remote-file.ts";
import { bytesIn, frontier, readSpans, type Spans, withSpan } from "../spans.ts";

/** The note is at most this much behind; what it names is on the disk. */
const SAVE_EVERY_MS = 1_000;
/** A note that was renewed within this time belongs to a download that runs. */
const ALIVE_MS = 30_000;

/** Paths that this process is at work on; other processes are known by the note. */
const ACTIVE = new Set<string>();

interface Note {
  readonly version: 1;
  readonly url: string;
  readonly size: number;
  readonly validator: string;
  readonly pid: number;
  readonly savedAt: number;
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/** Opened for one download at a time. `publish` or `close` ends it; only `discard` throws bytes away. */
export class PartialFile {
  readonly path: string;
  readonly #notePath: string;
  readonly #final: string;
  readonly #remote: RemoteFile;
  readonly #file: FileHandle;
  #spans: Spans;
  #grown: () => void = () => undefined;
  #savedAt = performance.now();
  #saving: Promise<void> | undefined;

  /**
   * Opens `.NAME.cairn-part` beside `final`. With `resume` the bytes of an earlier run are kept if they are of the same
   * version of the file. Faults: `busy` when another process is downloading to the same place, `no-space` with figures.
   */
  static async open(final: string, remote: RemoteFile, resume: boolean, mode: number): Promise<PartialFile> {
    const stem = join(dirname(final), `.${basename(final).slice(0, 200)}.cairn-part`);
    const note = `${stem}.json`;
    if (ACTIVE.has(stem)) throw busy(final, "this process is already", "Wait for it, or name another file.");
    ACTIVE.add(stem);
    try {
      const spans = (await spansOf(note, remote, final)) ?? [];
      const kept = resume && spans.length > 0 && (await isThere(stem, frontierEnd(spans))) ? spans : [];
      const file = await open(stem, kept.length > 0 ? "r+" : "w+", mode);
      const partial = new PartialFile({ final, stem, note, remote, file, spans: kept });
      try {
        await partial.#checkRoom();
        await partial.save();
      } catch (error) {
        await partial.close();
        throw error;
      }
      return partial;
    } catch (error) {
      ACTIVE.delete(stem);
      throw unwritable(final, error);
    }
  }

  private constructor(parts: {
    final: string;
    stem: string;
    note: string;
    remote: RemoteFile;
    file: FileHandle;
    spans: Spans;
  }) {
    this.path = parts.stem;
    this.#notePath = parts.note;
    this.#final = parts.final;
    this.#remote = parts.remote;
    this.#file = parts.file;
    this.#spans = parts.spans;
  }

  get spans(): Spans {
    return this.#spans;
  }

  get received(): number {
    return bytesIn(this.#spans);
  }

  /** Writes them where they belong; now and then the note is renewed. */
  async write({ at, bytes }: Piece): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
      this.#spans = withSpan(this.#spans, { start: at, end: at + bytes.length });
      this.#grown();
      if (performance.now() - this.#savedAt > SAVE_EVERY_MS) await this.save();
    } catch (error) {
      throw unwritable(this.#final, error);
    }
  }

  /** The bytes from the beginning, read back from the disk as they become complete, up to `size`. */
  async *written(size: () => number | undefined, stop: AbortSignal): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(1_048_576);
    let at = 0;
    while (at !== size()) {
      const end = frontier(this.#spans);
      if (end === at) {
        await this.#growth(stop);
        continue;
      }
      const { bytesRead } = await this.#file.read(buffer, 0, Math.min(buffer.length, end - at), at);
      if (bytesRead === 0) throw new Fault("corrupt", `${this.path} has become shorter while it was written`);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Wakes `written`: the size has become known. */
  touch(): void {
    this.#grown();
  }

  /** Renews the note; what it names is on the disk before. One at a time. */
  save(): Promise<void> {
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined;
      this.#savedAt = performance.now();
    });
    return this.#saving;
  }

  /** It is whole and right: it appears under its final name, and is on the disk. */
  async publish(): Promise<void> {
    try {
      try {
        await this.#saving;
        await this.#file.sync();
      } finally {
        await this.#end();
      }
      await rename(this.path, this.#final);
      await syncFolder(dirname(this.#final));
      await unlink(this.#notePath).catch(absent);
    } catch (error) {
      throw unwritable(this.#final, error);
    }
  }

  /** Keeps what is there for the next time. */
  async close(): Promise<void> {
    if (this.received === 0 || this.#remote.validator === undefined) return this.discard();
    // Without the note the bytes are of no use, but the failure that led here is what the caller must hear of.
    await this.save().catch(() => undefined);
    await this.#end();
    await this.#release().catch(() => undefined);
  }

  async discard(): Promise<void> {
    await this.#saving?.catch(() => undefined);
    await this.#end();
    await unlink(this.#notePath).catch(absent);
    await unlink(this.path).catch(absent);
  }

  #end(): Promise<void> {
    ACTIVE.delete(this.path);
    return this.#file.close();
  }

  #growth(stop: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        stop.removeEventListener("abort", onAbort);
        this.#grown = () => undefined;
        how();
      };
      const onAbort = () => settle(() => reject(stop.reason));
      this.#grown = () => settle(resolve);
      stop.addEventListener("abort", onAbort, { once: true });
      if (stop.aborted) onAbort();
    });
  }

  async #save(): Promise<void> {
    const spans = this.#spans;
    if (this.#remote.validator === undefined) return;
    if (spans.length > 0) await this.#file.datasync();
    await this.#writeNote(spans, process.pid);
  }

  /** The note stays, and says that nobody is at work on it. */
  #release(): Promise<void> {
    return this.#writeNote(this.#spans, 0);
  }

  async #writeNote(spans: Spans, pid: number): Promise<void> {
    const { url, size = 0, validator = "" } = this.#remote;
    const ranges = spans.map(({ start, end }): [number, number] => [start, end]);
    const note: Note = { version: 1, url, size, validator, pid, savedAt: Date.now(), ranges };
    // Replaced as a whole: a note that was cut off would cost all that is there.
    await writeFile(`${this.#notePath}.new`, `${JSON.stringify(note)}\n`, { mode: 0o600 });
    await rename(`${this.#notePath}.new`, this.#notePath);
  }

  async #checkRoom(): Promise<void> {
    const { size } = this.#remote;
    if (size === undefined) return;
    const { bavail, bsize } = await statfs(dirname(this.#final));
    const needed = size - this.received;
    if (needed <= bavail * bsize) return;
    throw new Fault(
      "no-space",
      `${this.#final} needs ${needed} bytes more, and the disk has ${bavail * bsize}`,
      {
        hint: "Free some space, or download to another disk.",
        details: { needed, free: bavail * bsize },
      },
    );
  }
}

/** The ranges that the note tells, if it is of this version of the file. Fault `busy` when its download still runs. */
async function spansOf(path: string, remote: RemoteFile, final: string): Promise<Spans | undefined> {
  const text = await readFile(path, "utf8").catch(absent);
  const note = text === undefined ? undefined : parseNote(text);
  if (!note) return undefined;
  if (note.pid !== process.pid && isAlive(note)) {
    const hint = `Wait for it, or name another file. If there is no such process, remove ${path}.`;
    throw busy(final, `another process (${note.pid}) is`, hint);
  }
  const isSame = note.size === remote.size && note.validator === remote.validator && note.url === remote.url;
  return isSame ? readSpans(note.ranges, note.size) : undefined;
}

function busy(final: string, who: string, hint: string): Fault {
  return new Fault("busy", `${who} downloading to ${final}`, { hint });
}

/** A note that cannot be read is no note: the download begins anew. */
function parseNote(text: string): Note | undefined {
  try {
    const note: Partial<Note> | null = JSON.parse(text);
    return note?.version === 1 && typeof note.size === "number" && typeof note.pid === "number"
      ? (note as Note)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isAlive({ pid, savedAt }: Note): boolean {
  if (pid === 0 || Math.abs(Date.now() - savedAt) > ALIVE_MS) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function isThere(path: string, size: number): Promise<boolean> {
  const there = await stat(path).catch(absent);
  return there !== undefined && there.size >= size;
}

function frontierEnd(spans: readonly Span[]): number {
  return spans.at(-1)?.end ?? 0;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}

function unwritable(path: string, error: unknown): Fault {
  const fault = toFault(error);
  if (fault.code !== "internal") return fault;
  return new Fault("invalid", `cannot write ${path}: ${fault.message}`, { cause: error });
}
