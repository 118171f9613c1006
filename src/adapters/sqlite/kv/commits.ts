// Group commit by the journal: all batches that wait become one record, and are answered when that is durable.
//
// Written for speed: one write for all connections of a turn. With `sync: full` its fdatasync runs on another thread, and
// what comes meanwhile is the next group.

import type { Clock } from "../../../ports/clock.ts";
import type { PendingReplies, Rules } from "../../../ports/kv.ts";
import { Fault } from "../../../wire/faults.ts";
import type { ItemCommand } from "../../../wire/memcached/commands.ts";
import type { Reply } from "../../../wire/memcached/replies.ts";
import { explain, type SyncMode } from "../database.ts";
import { Gathering } from "../gathering.ts";
import { Execution } from "./execution.ts";
import type { Folding } from "./folding.ts";
import { type Counters, KvGroup } from "./group.ts";
import { Joins } from "./joins.ts";
import type { Journal } from "./journal.ts";
import { Pending } from "./pending.ts";
import type { Values } from "./values.ts";
import { type KvView, publish } from "./view.ts";

export interface CommitsOptions {
  readonly path: string;
  readonly sync: SyncMode;
  readonly rules: Rules;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly view: KvView;
  readonly values: Values;
  readonly folding: () => Folding;
  readonly counters: Counters;
  readonly maxFileBytes: number;
}

/** Batches are added to a group until it has so many bytes. */
const GROUP_BYTES = 1_048_576;
/** The ring needs room for a group: that, one more batch of the largest, and what the journal adds. */
const GROUP_ROOM = 4 * GROUP_BYTES;
/** Large values that were stored make the next fold due: only then the files of those they replaced are removed. */
const FOLD_AFTER_SPOOLED = 268_435_456;
/** Changes are folded after this time at the latest, so that the database file is never far behind. */
const FOLD_AFTER_MS = 5_000;

export class Commits {
  readonly #options: CommitsOptions;
  readonly #group: KvGroup;
  readonly #joins: Joins;
  readonly #execution: Execution;
  readonly #gathering: Gathering;
  #counters: Counters;
  #pending: Pending[] = [];
  /** Those of the record that is on its way to the disk. */
  #taken: Pending[] = [];
  #answers: (readonly Reply[])[] = [];
  #syncing = false;
  /** The segment is to be left after the next group, so that it can be folded. */
  #seal = false;
  /** Bytes of large values since the last segment was sealed. */
  #spooled = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CommitsOptions) {
    this.#options = options;
    const { rules, view, values, sync } = options;
    this.#group = new KvGroup(view, values.folder);
    this.#joins = new Joins(values, (batch, budget) => this.give(batch, budget));
    this.#execution = new Execution({ group: this.#group, rules, view, joins: this.#joins });
    this.#gathering = new Gathering({
      waits: sync === "full",
      count: () => this.#pending.length,
      go: () => this.#next(),
    });
    this.#counters = options.counters;
  }

  /** As the last commit left them. */
  get counters(): Readonly<Counters> {
    return this.#counters;
  }

  get idle(): boolean {
    return this.#pending.length === 0 && !this.#syncing;
  }

  give(batch: readonly ItemCommand[], budget: number): PendingReplies {
    const pending = new Pending(batch, budget);
    this.#pending.push(pending);
    this.schedule();
    return pending;
  }

  schedule(): void {
    if (!this.#syncing) this.#gathering.schedule();
  }

  /** Resolves when all that is committed, or on its way, is in SQLite. */
  foldAll(): Promise<void> {
    const { journal, folding } = this.#options;
    if (journal.length > 0 || this.#syncing) {
      this.#seal = true;
      this.schedule();
      return folding().until(journal.segment);
    }
    return folding().until(journal.segment - 1);
  }

  /** Resolves when nothing is on its way. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#joins.settled();
    while (this.#pending.length > 0 || this.#syncing) {
      try {
        await this.give([], 0);
      } catch {
        // Whoever gave what is refused was told.
      }
    }
    clearTimeout(this.#timer);
  }

  flushIsDue(): boolean {
    const { flushAt } = this.#counters;
    return flushAt !== 0 && this.#options.clock.now() >= flushAt;
  }

  #next(): void {
    if (this.#syncing || (this.#pending.length === 0 && !this.#seal) || !this.#hasRoom()) return;
    try {
      this.#take();
    } catch (error) {
      this.#refuse(explain(error, this.#options.path));
      this.schedule();
      return;
    }
    const { journal } = this.#options;
    const seal = this.#seal && journal.length > 0;
    if (this.#group.writer.empty && !seal) {
      this.#seal = false;
      this.#options.folding().settle();
      this.#answer();
    } else if (this.#write(seal)) {
      this.#make();
    }
    if (this.#pending.length > 0) this.schedule();
  }

  /** Else a fold is under way, which calls again; or it failed, and so do those that wait. */
  #hasRoom(): boolean {
    const { journal, view } = this.#options;
    if (journal.ready && view.ring.room >= GROUP_ROOM) return true;
    const folding = this.#options.folding();
    if (folding.fault) this.#refuse(folding.fault, this.#pending.splice(0));
    folding.start(journal.segment);
    if (journal.sealed.length > 0) return false;
    // A seal alone always has room: it adds nothing to the ring.
    this.#group.begin(this.#counters);
    if (this.#write(true)) this.#make();
    return false;
  }

  /** Carries out what waits, in memory. */
  #take(): void {
    const group = this.#group;
    group.begin(this.#counters);
    if (this.flushIsDue()) group.flush();
    const now = this.#options.clock.now();
    let count = 0;
    while (count < this.#pending.length && group.writer.length < GROUP_BYTES) {
      const one = this.#pending[count++] as Pending;
      const replies = this.#execution.carryOutAll(one.batch, one.budget, now);
      const { deferred } = this.#execution;
      if (deferred && replies.length === 0) {
        this.#joins.make(deferred, one);
        continue;
      }
      this.#taken.push(one);
      this.#answers.push(replies);
    }
    this.#pending = count === this.#pending.length ? [] : this.#pending.slice(count);
  }

  /** False when it failed; then those of the group are told. */
  #write(seal: boolean): boolean {
    const { journal, maxFileBytes, path } = this.#options;
    const { writer, counters } = this.#group;
    try {
      if (this.#options.folding().usedBytes + journal.bytes + writer.length > maxFileBytes && !writer.empty) {
        throw new Fault("no-space", `${path} has reached its quota of ${maxFileBytes} bytes`);
      }
      journal.write(writer, counters.cas, seal);
      return true;
    } catch (error) {
      this.#refuse(explain(error, path));
      return false;
    }
  }

  /** Makes what was written durable, then visible. */
  #make(): void {
    if (this.#options.sync === "normal") {
      this.#accept();
      return;
    }
    this.#syncing = true;
    this.#options.journal.sync((error) => {
      this.#syncing = false;
      if (error) {
        this.#options.journal.reject();
        this.#refuse(error);
        this.schedule();
      } else {
        this.#accept();
      }
    });
  }

  /** The record is durable: it becomes visible, and is answered. */
  #accept(): void {
    const { journal, view } = this.#options;
    const { writer, counters } = this.#group;
    const { segment, length: offset } = journal;
    const { bytes, length } = writer;
    publish(view, { bytes, at: 0, length, segment, offset, cas: counters.cas });
    this.#counters = counters;
    if (this.#group.spooled.length > 0) this.#acceptSpooled();
    const [taken, answers] = this.#takeAnswers();
    if (journal.accept(writer.length)) this.#sealed();
    else if (!this.#timer) this.#startTimer();
    settle(taken, answers);
    if (this.#pending.length > 0 || this.#seal) this.schedule();
  }

  #acceptSpooled(): void {
    for (const file of this.#group.spooled) {
      file.stored = true;
      this.#spooled += file.length;
    }
    if (this.#spooled < FOLD_AFTER_SPOOLED) return;
    this.#seal = true;
    this.schedule();
  }

  #sealed(): void {
    this.#seal = false;
    const { folding, journal } = this.#options;
    const due = this.#spooled >= FOLD_AFTER_SPOOLED ? journal.segment - 1 : 0;
    this.#spooled = 0;
    if (folding().start(due)) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (!this.#timer) {
      this.#startTimer();
    }
  }

  #startTimer(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#seal = true;
      this.#options.folding().start(this.#options.journal.segment);
      this.schedule();
    }, FOLD_AFTER_MS);
    this.#timer.unref();
  }

  /** Nothing was written: what was read is answered. */
  #answer(): void {
    settle(...this.#takeAnswers());
  }

  #takeAnswers(): [Pending[], (readonly Reply[])[]] {
    const [taken, answers] = [this.#taken, this.#answers];
    this.#taken = [];
    this.#answers = [];
    return [taken, answers];
  }

  #refuse(fault: Error, pending = this.#taken): void {
    if (pending === this.#taken) {
      this.#taken = [];
      this.#answers = [];
    }
    for (const one of pending) one.refuse(fault);
  }
}

function settle(taken: readonly Pending[], answers: readonly (readonly Reply[])[]): void {
  for (let i = 0; i < taken.length; i++) taken[i]?.answer(answers[i] ?? []);
}
