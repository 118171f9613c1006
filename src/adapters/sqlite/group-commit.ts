// Group commit: all writes asked for in one turn of the event loop share one transaction, and one fsync.

import type { Database } from "bun:sqlite";
import { explain } from "./database.ts";
import { Gathering } from "./gathering.ts";

interface Pending {
  readonly work: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Changes something of its own with each transaction. */
export interface Participant {
  /** A transaction begins, perhaps not for the first time with the same works. */
  begin(): void;
  /** Its works are done; what is written now is committed with them. */
  prepare(): void;
  /** `works`: how many it had. */
  committed(works: number): void;
}

export interface GroupCommitOptions {
  /**
   * Works change nothing but the database, so they may be run again: then a group is first tried without a savepoint for
   * each, which saves two statements a work, and repeated with them if one throws.
   */
  readonly repeatable?: boolean;
  readonly participant?: Participant | undefined;
  /** A group waits for more works as long as each turn brings some: see `Gathering`. */
  readonly waits?: boolean;
  /** Called before each transaction, to end what stands in its way. */
  readonly before?: () => void;
}

/** Runs writes of many callers in one transaction. A promise resolves after the commit, never before. */
export class GroupCommit {
  readonly #db: Database;
  readonly #path: string;
  readonly #repeatable: boolean;
  readonly #participant: Participant | undefined;
  readonly #before: (() => void) | undefined;
  readonly #gathering: Gathering;
  #pending: Pending[] = [];
  #isHeld = false;

  constructor(
    db: Database,
    path: string,
    { repeatable = false, participant, before, waits = false }: GroupCommitOptions = {},
  ) {
    this.#db = db;
    this.#path = path;
    this.#repeatable = repeatable;
    this.#participant = participant;
    this.#before = before;
    const go = () => {
      if (!this.#isHeld) this.flush();
    };
    this.#gathering = new Gathering({ waits, count: () => this.#pending.length, go });
  }

  /**
   * Runs `work` in the next transaction. If it throws, its own changes are rolled back and its promise alone
   * rejects; if the commit fails, all promises of the group reject and nothing is changed.
   *
   * `work` must be synchronous: a promise inside a transaction would commit too early.
   */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ work, resolve, reject });
      if (this.#pending.length === 1) this.#gathering.schedule();
    });
  }

  /** Nothing is committed by itself until `release`: what is asked for meanwhile shares the next transaction. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    if (this.#pending.length > 0) this.#gathering.schedule();
  }

  /** Commits what is pending now. Called by itself once a turn; call it before closing the database. */
  flush(): void {
    const group = this.#pending;
    if (group.length === 0) return;
    this.#pending = [];
    let outcomes: readonly Outcome[];
    try {
      outcomes = this.#commit(group);
    } catch (error) {
      const fault = explain(error, this.#path);
      for (const { reject } of group) reject(fault);
      return;
    }
    for (const [i, { resolve, reject }] of group.entries()) {
      const outcome = outcomes[i] as Outcome;
      if ("error" in outcome) reject(explain(outcome.error, this.#path));
      else resolve(outcome.value as never);
    }
  }

  #commit(group: readonly Pending[]): readonly Outcome[] {
    if (this.#repeatable) {
      try {
        return this.#transact(group, ({ work }) => ({ value: work() }));
      } catch (error) {
        if (group.length === 1) return [{ error }];
      }
    }
    return this.#transact(group, ({ work }) => this.#attempt(work));
  }

  #transact(group: readonly Pending[], run: (pending: Pending) => Outcome): readonly Outcome[] {
    const db = this.#db;
    this.#before?.();
    db.query("BEGIN IMMEDIATE").run();
    try {
      this.#participant?.begin();
      const outcomes = group.map(run);
      this.#participant?.prepare();
      db.query("COMMIT").run();
      this.#participant?.committed(group.length);
      return outcomes;
    } catch (error) {
      // A full disk may have rolled back already; then there is no transaction to end.
      if (db.inTransaction) db.query("ROLLBACK").run();
      throw error;
    }
  }

  #attempt(work: () => unknown): Outcome {
    const db = this.#db;
    db.query("SAVEPOINT work").run();
    try {
      const value = work();
      db.query("RELEASE work").run();
      return { value };
    } catch (error) {
      // Without a transaction the whole group is lost (disk full): let it fail as one.
      if (!db.inTransaction) throw error;
      db.query("ROLLBACK TO work").run();
      db.query("RELEASE work").run();
      return { error };
    }
  }
}
