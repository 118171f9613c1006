// A large value: a file of its own beside the database, named at random, of which journal and table keep a short description.

import { close, closeSync, fstatSync, openSync, read } from "node:fs";
import { join } from "node:path";
import type { Item } from "../../../ports/kv.ts";
import { Fault } from "../../../wire/faults.ts";
import { type Bytes, viewOf } from "../../../wire/memcached/bytes.ts";
import type { OpenValue, SpooledValue } from "../../../wire/memcached/spooled.ts";
import { explainFile } from "./records.ts";

/** Hexadecimal digits of the name, then those of the CRC-32, then the size in decimal ones: SQL reads it too. */
export const DESCRIPTION = { name: 32, crc: 8 } as const;
/** Added to an item's state in the table when its value is such a description. */
export const SPOOLED_STATE = 256;

export class ValueFile implements SpooledValue {
  readonly #folder: string;
  /** 32 hexadecimal digits. */
  readonly name: string;
  readonly length: number;
  readonly crc: number;
  /** The journal has it durably: from now on the fold decides when the file goes. */
  stored = false;

  constructor(folder: string, name: string, length: number, crc: number) {
    this.#folder = folder;
    this.name = name;
    this.length = length;
    this.crc = crc;
  }

  static parse(folder: string, description: Uint8Array): ValueFile {
    const crc = text(description, DESCRIPTION.name, DESCRIPTION.name + DESCRIPTION.crc);
    return new ValueFile(folder, nameOf(description), sizeOf(description), Number.parseInt(crc, 16));
  }

  get description(): Uint8Array {
    const crc = this.crc.toString(16).padStart(DESCRIPTION.crc, "0");
    return Buffer.from(`${this.name}${crc}${this.length}`, "latin1");
  }

  get path(): string {
    return join(this.#folder, this.name);
  }

  open(): OpenValue {
    return new ValueReader(this);
  }
}

export function nameOf(description: Uint8Array): string {
  return text(description, 0, DESCRIPTION.name);
}

export function sizeOf(description: Uint8Array): number {
  return Number(text(description, DESCRIPTION.name + DESCRIPTION.crc));
}

function text(description: Uint8Array, from: number, end = description.length): string {
  return Buffer.from(description.buffer, description.byteOffset, description.length).toString(
    "latin1",
    from,
    end,
  );
}

/** An item as journal and table have it, with the description in the place of its value. */
export function spooledItem(item: Item, folder: string): Item {
  const file = ValueFile.parse(folder, viewOf(item.value as Bytes));
  return { ...item, state: item.state & 255, size: file.length, value: file };
}

/** Reads the file, also when it is removed meanwhile. Who reads it from its beginning to its end is sure of every byte. */
class ValueReader implements OpenValue {
  readonly #file: ValueFile;
  readonly #fd: number;
  /** Of all bytes up to here. */
  #crc = 0;
  #checked = 0;
  #reading = false;
  #closed = false;

  constructor(file: ValueFile) {
    this.#file = file;
    try {
      this.#fd = openSync(file.path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw damaged(file, "it is missing", error);
      throw explainFile(error, file.path);
    }
    const { size } = fstatSync(this.#fd);
    if (size === file.length) return;
    closeSync(this.#fd);
    throw damaged(file, `it has ${size} bytes of ${file.length}`);
  }

  get length(): number {
    return this.#file.length;
  }

  async read(offset: number, into: Uint8Array): Promise<number> {
    const wanted = Math.max(0, Math.min(into.length, this.length - offset));
    this.#reading = true;
    try {
      for (let filled = 0; filled < wanted; ) {
        const taken = await this.#readSome(into.subarray(filled, wanted), offset + filled);
        if (taken === 0) throw damaged(this.#file, `it ends at ${offset + filled} bytes`);
        filled += taken;
      }
    } finally {
      this.#reading = false;
      if (this.#closed) closeSync(this.#fd);
    }
    this.#check(offset, into.subarray(0, wanted));
    return wanted;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Of a removed file the disk frees the blocks now: by another thread, since that takes a while.
    if (!this.#reading) close(this.#fd, () => undefined);
  }

  #readSome(into: Uint8Array, offset: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, into, 0, into.length, offset, (error, taken) => {
        if (error) reject(explainFile(error, this.#file.path));
        else resolve(taken);
      });
    });
  }

  #check(offset: number, bytes: Uint8Array): void {
    if (offset !== this.#checked) return;
    this.#crc = Bun.hash.crc32(bytes, this.#crc);
    this.#checked += bytes.length;
    if (this.#checked === this.length && this.#crc !== this.#file.crc) {
      throw damaged(this.#file, "its bytes differ from those that were stored");
    }
  }
}

function damaged(file: ValueFile, what: string, cause?: unknown): Fault {
  return new Fault("corrupt", `the value in ${file.path} is damaged: ${what}`, {
    hint: "Run 'cairn check' to see what else is damaged, or restore a backup.",
    ...(cause === undefined ? {} : { cause }),
  });
}
