// The roster of workers in memory: the reference.

import type { Roster, WorkerRecord } from "../../ports/roster.ts";

const FORGOTTEN_MS = 3_600_000;

export class MemoryRoster implements Roster {
  readonly #workers = new Map<string, WorkerRecord>();

  async enter(worker: WorkerRecord): Promise<void> {
    for (const { name, seenAt } of this.#workers.values()) {
      if (seenAt <= worker.seenAt - FORGOTTEN_MS) this.#workers.delete(name);
    }
    this.#workers.set(worker.name, worker);
  }

  async leave(name: string): Promise<void> {
    this.#workers.delete(name);
  }

  async list(since: number): Promise<readonly WorkerRecord[]> {
    return [...this.#workers.values()]
      .filter(({ seenAt }) => seenAt >= since)
      .sort((a, b) => a.startedAt - b.startedAt || (a.name < b.name ? -1 : 1));
  }
}
