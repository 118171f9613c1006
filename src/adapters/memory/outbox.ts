// The outbox in memory: the reference. The memory queue puts the notices in.

import type { Notice, Outbox } from "../../ports/outbox.ts";

export class MemoryOutbox implements Outbox {
  readonly #notices = new Map<string, Notice>();
  #added = 0;

  /** For the memory queue: a job with a webhook has ended. */
  add(jobId: string, url: string, now: number): void {
    const id = String(++this.#added);
    this.#notices.set(id, { id, jobId, url, attempts: 0, dueAt: now });
  }

  async due(now: number, limit: number): Promise<readonly Notice[]> {
    return [...this.#notices.values()]
      .filter(({ dueAt }) => dueAt <= now)
      .sort((a, b) => a.dueAt - b.dueAt || Number(a.id) - Number(b.id))
      .slice(0, limit);
  }

  async postpone(id: string, dueAt: number): Promise<void> {
    const notice = this.#notices.get(id);
    if (notice) this.#notices.set(id, { ...notice, attempts: notice.attempts + 1, dueAt });
  }

  async remove(id: string): Promise<void> {
    this.#notices.delete(id);
  }
}
