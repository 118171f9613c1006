// Items in SQLite behind a journal: a write is durable when the journal has it, and is folded into the table later.
//
// Written for speed (see docs/decisions/0004-a-journal-before-the-items.md for the figures): reads come from a ring of
// memory or by one prepared statement, and neither they nor the commits ever wait for a transaction or a checkpoint.

import type { Database } from "bun:sqlite";
import { fdatasync } from "node:fs";
import type { Clock } from "../../../ports/clock.ts";
import type {
  ItemCopy,
  KeyHeadPage,
  Kv,
  KvStats,
  PendingReplies,
  Rules,
  ScanQuery,
  Spool,
} from "../../../ports/kv.ts";
import { Fault } from "../../../wire/faults.ts";
import { viewOf } from "../../../wire/memcached/bytes.ts";
import type { ItemCommand } from "../../../wire/memcached/commands.ts";
import type { Reply } from "../../../wire/memcached/replies.ts";
import { isSpooled } from "../../../wire/memcached/spooled.ts";
import { explain, openDatabase, type SyncMode } from "../database.ts";
import { lockDatabase, resolvedPath } from "../lock.ts";
import { Commits } from "./commits.ts";
import { FLUSH, FLUSH_AT } from "./entries.ts";
import { Folding } from "./folding.ts";
import { Journal, journalBytes, type SyncFile } from "./journal.ts";
import { hasWrite, Reads } from "./reads.ts";
import { eachEntry, type ReadRecord } from "./records.ts";
import { recoverJournal } from "./recovery.ts";
import { KvRing } from "./ring.ts";
import { ringBytes } from "./ring-memory.ts";
import {
  KV_APPLICATION_ID,
  KV_MIGRATIONS,
  keyHeadOf,
  prepareStatements,
  type Totals,
  usedBytes,
} from "./schema.ts";
import { Values } from "./values.ts";
import { KvView, publish } from "./view.ts";

export interface SqliteKvOptions {
  /** The file; created if it is not there. */
  readonly path: string;
  readonly sync: SyncMode;
  readonly rules: Rules;
  readonly clock: Clock;
  /**
   * Bytes of memory for items: those that are not folded yet, and those used lately; a quarter of it is for what a fold needs beside
   * them. Default 256 MiB, 32 MiB to 2 GB.
   */
  readonly cacheBytes?: number;
  /** Of the journal; default an eighth of the cache. */
  readonly segmentBytes?: number;
  /** Brings a file's bytes to the disk; default fdatasync, on another thread. */
  readonly syncFile?: SyncFile;
  /** A quota on database and journal: beyond it, writes fail with `no-space`. Default: the disk is the limit. */
  readonly maxFileBytes?: number;
}

const DEFAULT_BUDGET = 1_048_576;
const DEFAULT_CACHE = 268_435_456;
/** Of SQLite, for reads beside the ring: the upper levels of its trees, and leaves of the index. */
const PAGE_CACHE_KIB = 16_384;
/** Of the cache: one part of so many is for the fold to remember where rows stand. */
const KNOWN_SHARE = 16;
/** cas uniques are given out beyond those of records that a power cut may have taken. */
const CAS_AFTER_CRASH = 1_048_576;
/** Bytes of the journal that are folded in a tenth of a second or so. */
const SOON_FOLDED = 4_194_304;
/** Cursors of pages that are remembered: a listing goes on without waiting for a fold again. */
const KEPT_CURSORS = 1_000;

export class SqliteKv implements Kv {
  readonly #path: string;
  readonly #reads: Reads;
  readonly #clock: Clock;
  readonly #lock: Disposable;
  readonly #db: Database;
  readonly #view: KvView;
  readonly #journal: Journal;
  readonly #commits: Commits;
  readonly #folding: Folding;
  readonly #values: Values;
  readonly #cursors = new Set<string>();
  readonly #tidied: Promise<void>;
  #closed = false;

  /** Faults: those of `openDatabase` and `recoverJournal`, and `conflict` if another process serves the file. */
  static open(options: SqliteKvOptions): SqliteKv {
    const lock = lockDatabase(options.path);
    const { path, sync } = options;
    let close = () => lock[Symbol.dispose]();
    try {
      const db = openDatabase({ path, sync, applicationId: KV_APPLICATION_ID, migrations: KV_MIGRATIONS });
      close = () => {
        db.close();
        lock[Symbol.dispose]();
      };
      db.run(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
      return new SqliteKv(options, lock, db);
    } catch (error) {
      close();
      throw explain(error, path);
    }
  }

  private constructor(options: SqliteKvOptions, lock: Disposable, db: Database) {
    const { path, sync, rules, clock } = options;
    this.#path = path;
    this.#clock = clock;
    this.#lock = lock;
    this.#db = db;
    const sql = prepareStatements(db);
    const totals = sql.totals.get() as Totals;
    const file = resolvedPath(path);
    this.#values = new Values(file, totals.identity);
    const { cacheBytes = DEFAULT_CACHE } = options;
    const capacity = ringBytes(cacheBytes, journalBytes(file));
    const ring = new KvRing(capacity, totals.folded);
    // What is recovered may be large values, which are read from the journal that is still being opened.
    this.#view = new KvView(
      ring,
      { read: (...place) => this.#journal.read(...place) },
      sql,
      this.#values.folder,
    );
    const counters = { cas: totals.cas, flushAt: totals.flush_at, stored: 0 };
    const { slots, segment } = recoverJournal({
      path: file,
      identity: totals.identity,
      folded: totals.folded,
      onRecord: (record) => {
        publish(this.#view, record);
        counters.cas = Math.max(counters.cas, record.cas + CAS_AFTER_CRASH);
        counters.flushAt = flushAtOf(record, counters.flushAt);
      },
    });
    const { segmentBytes = Math.floor(capacity / 6), syncFile = fdatasync } = options;
    const { identity } = totals;
    this.#journal = new Journal({ path: file, sync, identity, segmentBytes, syncFile }, slots, segment);
    this.#folding = new Folding({
      path,
      journal: this.#journal,
      totals,
      usedBytes: usedBytes(db),
      knownBytes: cacheBytes / KNOWN_SHARE,
      ring,
      onFolded: (folded) => this.#view.folded(folded),
      onUnlisted: (files) => this.#values.remove(files),
      onEnd: () => this.#commits.schedule(),
    });
    this.#commits = new Commits({
      ...{ path, sync, rules, clock, counters },
      journal: this.#journal,
      view: this.#view,
      values: this.#values,
      folding: () => this.#folding,
      maxFileBytes: options.maxFileBytes ?? Number.POSITIVE_INFINITY,
    });
    const nextCas = () => this.#commits.counters.cas + 1;
    this.#reads = new Reads({ rules, clock, view: this.#view, nextCas });
    this.#folding.start(segment);
    const isListed = (name: string) => this.#closed || sql.isSpooled.get(name) !== null;
    this.#tidied = this.#values.tidy(this.#commits.foldAll(), isListed);
  }

  execute(batch: readonly ItemCommand[], budget = DEFAULT_BUDGET): readonly Reply[] | PendingReplies {
    this.#checkOpen();
    this.#view.keepFound();
    if (hasWrite(batch) || this.#commits.flushIsDue()) return this.#commits.give(batch, budget);
    try {
      return this.#reads.answer(batch, budget) ?? this.#commits.give(batch, budget);
    } catch (error) {
      throw explain(error, this.#path);
    }
  }

  async spool(size: number): Promise<Spool> {
    this.#checkOpen();
    return await this.#values.spool(size, () => this.#commits.foldAll());
  }

  async read(key: string): Promise<ItemCopy | undefined> {
    await this.#flushIfDue();
    const item = this.#reading(() => this.#view.find(key, "copy"));
    if (!item || (item.exptime !== 0 && item.exptime <= this.#clock.now())) return undefined;
    return { ...item, value: isSpooled(item.value) ? item.value : viewOf(item.value) };
  }

  /** What was stored before the listing began has to be in SQLite, where keys have an order. */
  async scan({ prefix, after, limit }: ScanQuery): Promise<KeyHeadPage> {
    await this.#flushIfDue();
    if (after === undefined || !this.#cursors.has(after)) await this.#commits.foldAll();
    this.#checkOpen();
    const rows = this.#reading(() => this.#view.page(prefix, after, this.#clock.now(), limit + 1));
    const keys = rows.slice(0, limit).map(keyHeadOf);
    const next = rows.length > limit ? (keys.at(-1)?.key ?? null) : null;
    if (next !== null) this.#keepCursor(next);
    return { keys, next };
  }

  /** Only the fold knows whether a key that was set was new: one that takes little time is waited for. */
  async stats(): Promise<KvStats> {
    await this.#flushIfDue();
    if (this.#journal.bytes <= SOON_FOLDED) await this.#commits.foldAll();
    const { items, bytes } = this.#folding.totals;
    return { items, bytes, totalItems: this.#commits.counters.stored };
  }

  /** Nothing is on its way to the journal, or from there to the table. */
  get idle(): boolean {
    return this.#commits.idle && !this.#folding.running;
  }

  async sweep(limit: number): Promise<number> {
    await this.#flushIfDue();
    await this.#commits.foldAll();
    return await this.#folding.sweep(this.#clock.now(), limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#commits.close();
    await this.#tidied;
    this.#view.endReading();
    await this.#folding.close(this.#db, () => this.#commits.foldAll());
    await this.#values.close();
    this.#db.close();
    this.#journal.close();
    this.#lock[Symbol.dispose]();
  }

  /** Before a read: a delayed `flush_all` whose time has come. */
  async #flushIfDue(): Promise<void> {
    this.#checkOpen();
    if (this.#commits.flushIsDue()) await this.#commits.give([], 0);
  }

  #keepCursor(key: string): void {
    const [oldest] = this.#cursors;
    if (this.#cursors.size >= KEPT_CURSORS && oldest !== undefined) this.#cursors.delete(oldest);
    this.#cursors.add(key);
  }

  #checkOpen(): void {
    if (this.#closed) throw new Fault("internal", `${this.#path} is closed`);
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw explain(error, this.#path);
    }
  }
}

function flushAtOf(record: ReadRecord, before: number): number {
  let at = before;
  eachEntry(record, (kind, bytes, place) => {
    if (kind === FLUSH_AT) at = bytes.exptime(place);
    else if (kind === FLUSH) at = 0;
  });
  return at;
}
