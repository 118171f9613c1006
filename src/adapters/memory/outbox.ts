// The outbox in memory: the reference. The memory queue and records put the notices in.

import type { NewNotice, Notice, Outbox } from "../../ports/outbox.ts";

export class MemoryOutbox implements Outbox {
  readonly #notices = new Map<string, Notice>();
  #added = 0;

  /** For the memory queue and records: something with a webhook has ended. */
  add(notice: NewNotice): void {
    const id = String(++this.#added);
    this.#notices.set(id, { ...notice, id, attempts: 0 });
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
