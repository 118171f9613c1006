// The folder of large values beside the database: files come into it as clients send them, and leave it when no item has them.

import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import {
  type FileHandle,
  link,
  mkdir,
  open,
  opendir,
  readdir,
  rm,
  statfs,
  unlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Spool } from "../../../ports/kv.ts";
import { Fault, isFault } from "../../../wire/faults.ts";
import { explainFile } from "./records.ts";
import { ValueFile } from "./value-file.ts";

const MARK_BYTES = 4;
const NAME_BYTES = 16;
const NAME = /^[0-9a-f]{32}$/;
/** What `cairn backup` holds on to while it runs: the process is part of the name. */
const BACKUP = /^\.backup-(\d+)-/;

export function isValueName(name: string): boolean {
  return NAME.test(name);
}

/** `path`: of the database, without links. */
export function valuesFolder(path: string): string {
  return `${path}-values`;
}

export class Values {
  readonly folder: string;
  /** Begins the names of what this process writes, so that `tidy` leaves them alone. */
  readonly #mark = randomBytes(MARK_BYTES).toString("hex");
  #folder: Promise<FileHandle> | undefined;
  /** Bytes that were declared, and are not written yet. */
  #awaited = 0;
  /** Files are removed one after the other: the disk has other things to do. */
  #removing: Promise<void> = Promise.resolve();

  readonly #identity: number;

  /** `identity`: of the database. Fault `conflict` if there are values of another one. */
  constructor(path: string, identity: number) {
    this.folder = valuesFolder(path);
    this.#identity = identity;
    requireOwn(this.folder, identity);
  }

  /** `foldAll`: makes room. Faults: `no-space`, `forbidden`, `internal`. */
  async spool(size: number, foldAll?: () => Promise<void>): Promise<FileSpool> {
    try {
      return await this.#spool(size);
    } catch (error) {
      if (!foldAll || !isFault(error, "no-space")) throw error;
      // What was replaced or removed lately is there until its fold.
      await foldAll();
      await this.removed();
      return await this.#spool(size);
    }
  }

  async #spool(size: number): Promise<FileSpool> {
    this.#folder ??= openFolder(this.folder, this.#identity);
    const folder = await this.#folder.catch((error) => {
      this.#folder = undefined;
      throw explainFile(error, this.folder);
    });
    const name = this.#mark + randomBytes(NAME_BYTES - MARK_BYTES).toString("hex");
    this.#awaited += size;
    try {
      await this.#requireSpace(size);
      const file = await open(join(this.folder, name), "wx");
      return new FileSpool(file, name, size, {
        folder: this.folder,
        syncFolder: () => folder.sync(),
        onArrived: (bytes) => {
          this.#awaited -= bytes;
        },
      });
    } catch (error) {
      this.#awaited -= size;
      throw explainFile(error, this.folder);
    }
  }

  /** No item has them any more, and that is durable. What cannot be removed is removed after the next start. */
  remove(names: readonly string[]): void {
    if (names.length === 0) return;
    this.#removing = this.#removing.then(async () => {
      const backups = await this.#backups();
      for (const name of names) {
        const path = join(this.folder, name);
        // One that began when an item had it goes on with it. It has it already, or is over by now, if that fails.
        for (const backup of backups) await link(path, join(backup, name)).catch(() => undefined);
        await unlink(path).catch(() => undefined);
      }
    });
  }

  /** Folders of the backups that are being made. */
  async #backups(): Promise<string[]> {
    const names = await readdir(this.folder).catch(() => []); // then nothing can be removed either
    return names
      .filter((name) => isAlive(Number(BACKUP.exec(name)?.[1] ?? 0)))
      .map((name) => join(this.folder, name));
  }

  /** Resolves when all that was to be removed is. */
  removed(): Promise<void> {
    return this.#removing;
  }

  /**
   * Removes what an earlier process wrote and no item has: it was killed before it was stored, or before it was removed. `folded`:
   * resolves when the table has all that the journal had.
   */
  async tidy(folded: Promise<void>, isListed: (name: string) => boolean): Promise<void> {
    try {
      await folded;
      await this.#tidy(isListed);
    } catch {
      // A full disk, say, on which nothing can be folded. What is left over does no harm, and the next start tries again.
    }
  }

  async #tidy(isListed: (name: string) => boolean): Promise<void> {
    const entries = await opendir(this.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw explainFile(error, this.folder);
    });
    for await (const { name } of entries) {
      const backup = BACKUP.exec(name);
      if (backup && !isAlive(Number(backup[1]))) {
        await rm(join(this.folder, name), { recursive: true, force: true });
      } else if (isValueName(name) && !name.startsWith(this.#mark) && !isListed(name)) {
        // A fold may have removed it meanwhile.
        await rm(join(this.folder, name), { force: true });
      }
    }
  }

  async close(): Promise<void> {
    await this.removed();
    // One that could not be opened was told of.
    const folder = await this.#folder?.catch(() => undefined);
    await folder?.close();
  }

  async #requireSpace(size: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    if (this.#awaited <= bavail * bsize) return;
    throw new Fault("no-space", `a value of ${size} bytes does not fit on the disk of ${this.folder}`, {
      hint: "Free some space, then repeat the request; nothing that was acknowledged is lost.",
    });
  }
}

/** Created when it is first needed, and durable then. */
async function openFolder(path: string, identity: number): Promise<FileHandle> {
  if (await mkdir(path, { recursive: true })) {
    const parent = await open(dirname(path), "r");
    await parent.sync();
    await parent.close();
  }
  await writeFile(join(path, markOf(identity)), "");
  return await open(path, "r");
}

/** Stands in the folder, so that a database that was put in the place of another does not remove what that one has. */
export function markOf(identity: number): string {
  return `.of-${identity}`;
}

function requireOwn(folder: string, identity: number): void {
  if (existsSync(join(folder, markOf(identity))) || !existsSync(folder)) return;
  if (!readdirSync(folder).some(isValueName)) return;
  throw new Fault("conflict", `${folder} has the large values of another database`, {
    hint: "Put back the database it belongs to, or move the folder away.",
  });
}

/** `process_` 0: none. */
function isAlive(process_: number): boolean {
  if (process_ === 0) return false;
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

interface FileSpoolOptions {
  readonly folder: string;
  syncFolder(): Promise<void>;
  /** So many bytes are not awaited any more. */
  onArrived(bytes: number): void;
}

export class FileSpool implements Spool {
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #size: number;
  readonly #options: FileSpoolOptions;
  #written = 0;
  #crc = 0;
  #value: ValueFile | undefined;
  #closed = false;

  constructor(file: FileHandle, name: string, size: number, options: FileSpoolOptions) {
    this.#file = file;
    this.#name = name;
    this.#size = size;
    this.#options = options;
  }

  async write(pieces: readonly Uint8Array[]): Promise<void> {
    let bytes = 0;
    for (const piece of pieces) {
      this.#crc = Bun.hash.crc32(piece, this.#crc);
      bytes += piece.length;
    }
    try {
      await writeAll(this.#file, pieces, this.#written, bytes);
    } catch (error) {
      throw explainFile(error, this.#options.folder);
    }
    this.#written += bytes;
    this.#options.onArrived(bytes);
  }

  /** On the disk whatever the mode of the commits: the fold trusts in it. */
  async finish(): Promise<ValueFile> {
    if (this.#written !== this.#size) {
      throw new Fault("invalid", `the value has ${this.#written} bytes, and ${this.#size} were declared`);
    }
    try {
      await this.#file.datasync();
      await this.#options.syncFolder();
      await this.#close();
    } catch (error) {
      throw explainFile(error, this.#options.folder);
    }
    this.#value = new ValueFile(this.#options.folder, this.#name, this.#size, this.#crc);
    return this.#value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    if (this.#value?.stored) return;
    // What cannot be removed now is removed after the next start.
    await unlink(join(this.#options.folder, this.#name)).catch(() => undefined);
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onArrived(this.#size - this.#written);
    await this.#file.close();
  }
}

async function writeAll(
  file: FileHandle,
  pieces: readonly Uint8Array[],
  from: number,
  bytes: number,
): Promise<void> {
  const { bytesWritten } = await file.writev(pieces as Uint8Array[], from);
  if (bytesWritten === bytes) return;
  // A disk that is about to be full takes a part; the next call says why.
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let written = 0; written < rest.length; ) {
    written += (await file.write(rest, written, rest.length - written, from + bytesWritten + written))
      .bytesWritten;
  }
}
