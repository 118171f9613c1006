// Items in a map: the reference that every other kv adapter is compared with. Keeps nothing across a restart.

import type { Clock } from "../../ports/clock.ts";
import type { Change, ItemCopy, KeyHeadPage, Kv, KvStats, Rules, ScanQuery, Spool } from "../../ports/kv.ts";
import { type ItemCommand, isWrite, type KeyCommand } from "../../wire/memcached/commands.ts";
import { type Reply, valueBytes } from "../../wire/memcached/replies.ts";
import { bytesOf, MemorySpool } from "./spool.ts";

export interface MemoryKvOptions {
  readonly rules: Rules;
  readonly clock: Clock;
}

const DEFAULT_BUDGET = 1_048_576;

export class MemoryKv implements Kv {
  readonly #rules: Rules;
  readonly #clock: Clock;
  readonly #items = new Map<string, ItemCopy>();
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
      found += valueBytes(reply);
      if (found > budget) break;
    }
    return batch.some(isWrite) ? Promise.resolve(replies) : replies;
  }

  async spool(size: number): Promise<Spool> {
    return new MemorySpool(size);
  }

  async read(key: string): Promise<ItemCopy | undefined> {
    this.#flushIfDue();
    const item = this.#items.get(key);
    return item && this.#isLive(item) ? item : undefined;
  }

  async scan({ prefix, after, limit }: ScanQuery): Promise<KeyHeadPage> {
    this.#flushIfDue();
    const matching = [...this.#items]
      .filter(
        ([key, item]) => key.startsWith(prefix) && (after === undefined || key > after) && this.#isLive(item),
      )
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const keys = matching.slice(0, limit).map(([key, { value: _, ...head }]) => ({ key, ...head }));
    return { keys, next: matching.length > limit ? (keys.at(-1)?.key ?? null) : null };
  }

  async stats(): Promise<KvStats> {
    this.#flushIfDue();
    return { items: this.#items.size, bytes: this.#bytes, totalItems: this.#totalItems };
  }

  async sweep(limit: number): Promise<number> {
    const expired = [...this.#items].filter(([, item]) => !this.#isLive(item)).slice(0, limit);
    for (const [key, item] of expired) this.#apply(key, item, { kind: "remove" });
    return expired.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#items.clear();
  }

  #carryOut(command: KeyCommand): Reply {
    this.#flushIfDue();
    const { key } = command;
    const item = this.#items.get(key);
    const now = this.#clock.now();
    const { reply, change, fetch } = this.#rules.decide(command, item, now, this.#cas + 1);
    if (change) this.#apply(key, item, change);
    const fetched = fetch && this.#items.get(key);
    if (fetched) this.#items.set(key, { ...fetched, fetched: true, accessed: now });
    return reply;
  }

  #apply(key: string, item: ItemCopy | undefined, change: Change): void {
    if (change.kind !== "remove" && change.cas === this.#cas + 1) this.#cas++;
    if (change.kind === "touch") {
      const { kind: _, ...head } = change;
      if (item) this.#items.set(key, { ...item, ...head });
      return;
    }
    if (item) this.#bytes -= key.length + item.size;
    if (change.kind === "remove") {
      this.#items.delete(key);
      return;
    }
    const { kind: _, ...head } = change;
    const value = bytesOf(change.value);
    this.#items.set(key, { ...head, value, size: value.length, accessed: this.#clock.now(), fetched: false });
    this.#bytes += key.length + value.length;
    this.#totalItems++;
  }

  #isLive({ exptime }: ItemCopy): boolean {
    return exptime === 0 || exptime > this.#clock.now();
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
