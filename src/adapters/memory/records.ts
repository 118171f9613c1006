// Records in memory: the reference for the contract, and a store for tests.

import type { NewNotice } from "../../ports/outbox.ts";
import type {
  Collections,
  FileRecord,
  Page,
  PageQuery,
  Records,
  Totals,
  UploadEnd,
  UploadRecord,
} from "../../ports/records.ts";
import { Fault } from "../../wire/faults.ts";
import type { MemoryOutbox } from "./outbox.ts";

type Any = Collections[keyof Collections];
interface Entry {
  /** Rises with every insert. */
  readonly sequence: number;
  readonly record: Any;
}

export class MemoryRecords implements Records {
  readonly #collections = { uploads: new Map<string, Entry>(), files: new Map<string, Entry>() };
  readonly #outbox: MemoryOutbox | undefined;
  #sequence = 0;

  /** `outbox`: where the notices of changes are put. */
  constructor(outbox?: MemoryOutbox) {
    this.#outbox = outbox;
  }

  async insert<C extends keyof Collections>(collection: C, record: Collections[C]): Promise<void> {
    const entries = this.#collections[collection];
    if (entries.has(record.id)) throw new Fault("exists", `${record.id} exists already`);
    entries.set(record.id, { sequence: ++this.#sequence, record: structuredClone(record) });
  }

  async insertSharing(record: FileRecord): Promise<void> {
    const all = [...this.#collections.files.values()];
    if (!all.some((entry) => "blob" in entry.record && entry.record.blob === record.blob)) {
      throw new Fault("conflict", `no file has the blob ${record.blob}`);
    }
    await this.insert("files", record);
  }

  async get<C extends keyof Collections>(collection: C, id: string): Promise<Collections[C] | undefined> {
    return structuredClone(this.#collections[collection].get(id)?.record) as Collections[C] | undefined;
  }

  async replace<C extends keyof Collections>(
    collection: C,
    record: Collections[C],
    notice?: NewNotice,
  ): Promise<Collections[C]> {
    const entry = this.#collections[collection].get(record.id);
    if (!entry) throw new Fault("not-found", `there is no ${record.id}`);
    if (entry.record.version !== record.version) throw changed(record.id);
    const next = structuredClone({ ...record, version: record.version + 1 });
    this.#collections[collection].set(record.id, { ...entry, record: next });
    if (notice) this.#outbox?.add(notice);
    return structuredClone(next);
  }

  async finish(file: FileRecord, upload: UploadRecord, end: UploadEnd = {}): Promise<UploadRecord> {
    const known = this.#collections.uploads.get(upload.id)?.record;
    if (!known) throw new Fault("not-found", `there is no ${upload.id}`);
    if (known.version !== upload.version) throw changed(upload.id);
    await this.insert("files", file);
    const next = await this.replace("uploads", upload, end.notice);
    if (end.forget) this.#collections.uploads.delete(upload.id);
    return next;
  }

  async twin(sha256: string, origin?: string): Promise<FileRecord | undefined> {
    const found = [...this.#collections.files.values()]
      .map(({ record }) => record as FileRecord)
      .find((file) => file.sha256 === sha256 && (origin === undefined || file.origin === origin));
    return structuredClone(found);
  }

  async remove<C extends keyof Collections>(collection: C, id: string, version: number): Promise<void> {
    const entry = this.#collections[collection].get(id);
    if (!entry) return;
    if (entry.record.version !== version) throw changed(id);
    this.#collections[collection].delete(id);
  }

  async totals(): Promise<Totals> {
    const sizes = [...this.#collections.files.values()].map(({ record }) => record.size ?? 0);
    return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  }

  async page<C extends keyof Collections>(collection: C, query: PageQuery): Promise<Page<Collections[C]>> {
    const order = query.order ?? "newest";
    const after = query.after === undefined ? undefined : parseCursor(query.after, order);
    const compare = order === "name" ? byName : byAge;
    const found = [...this.#collections[collection].values()]
      .filter(({ record }) => matches(record, query))
      .sort(compare)
      .filter((entry) => !after || compare(entry, after) > 0);
    const records = found.slice(0, query.limit);
    const last = found.length > query.limit ? records.at(-1) : undefined;
    return {
      records: structuredClone(records.map(({ record }) => record)) as Collections[C][],
      next: last ? JSON.stringify([order, last.sequence, last.record.name]) : null,
    };
  }

  async expired<C extends keyof Collections>(
    collection: C,
    at: number,
    limit: number,
  ): Promise<readonly Collections[C][]> {
    const records = [...this.#collections[collection].values()]
      .map(({ record }) => record)
      .filter(({ expiresAt }) => expiresAt !== null && expiresAt <= at)
      .sort((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0))
      .slice(0, limit);
    return structuredClone(records) as Collections[C][];
  }
}

interface Position {
  readonly sequence: number;
  readonly record: { readonly name: string };
}

function byAge(a: Position, b: Position): number {
  return b.sequence - a.sequence;
}

function byName(a: Position, b: Position): number {
  return Buffer.compare(Buffer.from(a.record.name), Buffer.from(b.record.name)) || a.sequence - b.sequence;
}

function matches(record: Any, { prefix, state, sha256, blob }: PageQuery): boolean {
  if (prefix !== undefined && !record.name.startsWith(prefix)) return false;
  if (state !== undefined && !("state" in record && record.state === state)) return false;
  if (sha256 !== undefined && !("sha256" in record && record.sha256 === sha256)) return false;
  return blob === undefined || ("blob" in record && record.blob === blob);
}

function parseCursor(text: string, order: string): Position {
  try {
    const [cursorOrder, sequence, name] = JSON.parse(text);
    if (cursorOrder === order && Number.isSafeInteger(sequence) && typeof name === "string") {
      return { sequence, record: { name } };
    }
  } catch (cause) {
    throw foreign(text, cause);
  }
  throw foreign(text);
}

function foreign(text: string, cause?: unknown): Fault {
  return new Fault("invalid", `${JSON.stringify(text.slice(0, 80))} is not a cursor of this list`, { cause });
}

function changed(id: string): Fault {
  return new Fault("conflict", `${id} was changed by somebody else meanwhile`);
}
