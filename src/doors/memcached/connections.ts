// The open connections of a memcached door: how many there may be, and which have been idle for too long.

import type { DoorContext } from "./context.ts";
import { Session, type SessionSocket } from "./session.ts";

const REFUSAL = "ERROR Too many open connections\r\n";

export class Connections {
  readonly #open = new Set<Session>();
  readonly #door: DoorContext;
  readonly #most: number;
  #lastId = 0;
  #onEmpty: (() => void) | undefined;

  constructor(door: DoorContext, most: number) {
    this.#door = door;
    this.#most = most;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#open.values();
  }

  /** `where`: the address it came in by. Refuses as memcached does with `maxconns_fast`. */
  admit(socket: SessionSocket, where: string): void {
    const { figures } = this.#door;
    if (this.#open.size >= this.#most) {
      figures.rejectedConnections++;
      socket.data = undefined;
      socket.write(REFUSAL);
      socket.end();
      return;
    }
    figures.currConnections++;
    figures.totalConnections++;
    socket.data = new Session(socket, this.#door, ++this.#lastId, where);
    this.#open.add(socket.data);
  }

  remove(session: Session): void {
    if (!this.#open.delete(session)) return;
    this.#door.figures.currConnections--;
    session.closed();
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Closes those on which nothing has moved for `idleMs`, until `signal` is aborted. */
  async watchIdle(idleMs: number, signal: AbortSignal): Promise<void> {
    const { clock, figures } = this.#door;
    const pause = Math.max(50, Math.min(idleMs / 4, 5_000));
    while (!signal.aborted) {
      await clock.sleep(pause, signal).catch(() => undefined); // stopped: the loop ends
      if (signal.aborted) return;
      const since = clock.now() - idleMs;
      for (const session of [...this.#open]) {
        if (!session.isIdleSince(since)) continue;
        figures.idleKicks++;
        session.terminate();
      }
    }
  }
}
