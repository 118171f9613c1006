// Items in a map: the reference that every other kv adapter is compared with. Keeps nothing across a restart.

import type { Clock } from "../../ports/clock.ts";
import type { Change, Item, KeyHeadPage, Kv, KvStats, Rules, ScanQuery } from "../../ports/kv.ts";
import { type ItemCommand, isWrite, type KeyCommand } from "../../wire/memcached/commands.ts";
import type { Reply } from "../../wire/memcached/replies.ts";

export interface MemoryKvOptions {
  readonly rules: Rules;
  readonly clock: Clock;
}

const DEFAULT_BUDGET = 1_048_576;

export class MemoryKv implements Kv {
  readonly #rules: Rules;
  readonly #clock: Clock;
  readonly #items = new Map<string, Item>();
  #bytes = 0;
  #cas = 0;
  #totalItems = 0;
  /** 0: no flush is waiting. */
  #flushAt = 0;

  constructor({ rules, clock }: MemoryKvOptions) {
    this.#rules = rules;
    this.#clock = clock;
  }

  execute(
    batch: readonly ItemCommand[],
    budget = DEFAULT_BUDGET,
  ): readonly Reply[] | Promise<readonly Reply[]> {
    const replies: Reply[] = [];
    let found = 0;
    for (const command of batch) {
      const reply = command.kind === "flush" ? this.#flush(command.delay) : this.#carryOut(command);
      replies.push(reply);
      if (typeof reply === "object" && reply.kind === "found") found += reply.value.length;
      if (found > budget) break;
    }
    return batch.some(isWrite) ? Promise.resolve(replies) : replies;
  }

  async read(key: string): Promise<Item | undefined> {
    this.#flushIfDue();
    return this.#items.get(key);
  }

  async scan({ prefix, after, limit }: ScanQuery): Promise<KeyHeadPage> {
    this.#flushIfDue();
    const matching = [...this.#items.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || key > after))
      .sort((a, b) => (a < b ? -1 : 1));
    const keys = matching.slice(0, limit).flatMap((key) => {
      const item = this.#items.get(key);
      return item ? [{ key, flags: item.flags, exptime: item.exptime, cas: item.cas, size: item.size }] : [];
    });
    return { keys, next: matching.length > limit ? (keys.at(-1)?.key ?? null) : null };
  }

  async stats(): Promise<KvStats> {
    this.#flushIfDue();
    return { items: this.#items.size, bytes: this.#bytes, totalItems: this.#totalItems };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#items.clear();
  }

  #carryOut(command: KeyCommand): Reply {
    this.#flushIfDue();
    const { key } = command;
    const item = this.#items.get(key);
    const { reply, change } = this.#rules.decide(command, item, this.#clock.now());
    if (change) this.#apply(key, item, change);
    return reply;
  }

  #apply(key: string, item: Item | undefined, change: Change): void {
    if (change.kind === "touch") {
      if (item) this.#items.set(key, { ...item, exptime: change.exptime });
      return;
    }
    if (item) this.#bytes -= key.length + item.size;
    if (change.kind === "remove") {
      this.#items.delete(key);
      return;
    }
    const { flags, exptime } = change;
    // It may be a slice of a received packet. (`slice` of a Buffer would not copy.)
    const value = new Uint8Array(change.value);
    this.#items.set(key, { flags, exptime, cas: ++this.#cas, size: value.length, value });
    this.#bytes += key.length + value.length;
    this.#totalItems++;
  }

  #flush(delay: number): Reply {
    this.#flushIfDue();
    this.#flushAt = this.#rules.flushAt(delay, this.#clock.now());
    this.#flushIfDue();
    return "ok";
  }

  #flushIfDue(): void {
    if (this.#flushAt === 0 || this.#clock.now() < this.#flushAt) return;
    this.#items.clear();
    this.#bytes = 0;
    this.#flushAt = 0;
  }
}
