// The changes of one group of batches, before they are committed: seen by the commands of the group, and by nobody else.

import type { Change, Item, Put } from "../../../ports/kv.ts";
import { isSpooled } from "../../../wire/memcached/spooled.ts";
import { entryLength, FLUSH, FLUSH_AT, REMOVE } from "./entries.ts";
import { type EntryHead, EntryWriter, stampUse } from "./entry-writer.ts";
import { RECORD } from "./records.ts";
import type { Want } from "./ring.ts";
import { spooledItem, ValueFile } from "./value-file.ts";
import type { KvView } from "./view.ts";

/** What is counted beside the items. */
export interface Counters {
  /** The last cas unique that was given out. */
  cas: number;
  /** ms since 1970; 0: no `flush_all` is waiting. */
  flushAt: number;
  /** Values stored since the start. */
  stored: number;
}

export class KvGroup {
  /** The record that the group becomes. */
  readonly writer = new EntryWriter(RECORD.head);
  /** Large values that it stores. */
  spooled: ValueFile[] = [];
  readonly #view: KvView;
  /** Of large values. */
  readonly #folder: string;
  /**
   * Where the last change of a key begins, of the entries before `#indexed`: only a command that looks at what is stored asks
   * for it, so a plain `set` does not enter its key (0.5 µs, where it takes 2 in all).
   */
  readonly #changed = new Map<string, number>();
  #indexed: number = RECORD.head;
  #flushed = false;
  #counters: Counters = { cas: 0, flushAt: 0, stored: 0 };

  constructor(view: KvView, folder: string) {
    this.#view = view;
    this.#folder = folder;
  }

  /** `counters`: as the last commit left them. */
  begin(counters: Readonly<Counters>): void {
    this.writer.clear();
    this.#changed.clear();
    this.#indexed = RECORD.head;
    this.#flushed = false;
    if (this.spooled.length > 0) this.spooled = [];
    this.#counters = { ...counters };
  }

  /** As they will be. */
  get counters(): Counters {
    return this.#counters;
  }

  find(key: string, want: Want): Item | undefined {
    const at = this.#lastChange(key);
    if (at === undefined) return this.#flushed ? undefined : this.#view.find(key, want);
    const { bytes } = this.writer;
    if (bytes.kind(at) === REMOVE) return undefined;
    const value = bytes.value(at).slice();
    const item: Item = {
      flags: bytes.flags(at),
      exptime: bytes.exptime(at),
      cas: bytes.cas(at),
      state: bytes.state(at),
      accessed: bytes.accessed(at),
      fetched: bytes.fetched(at),
      size: value.length,
      value,
    };
    return bytes.spooled(at) ? spooledItem(item, this.#folder) : item;
  }

  apply(key: string, change: Change, now: number): void {
    const counters = this.#counters;
    if (change.kind === "remove") {
      this.writer.remove(key);
      return;
    }
    if (change.cas === counters.cas + 1) counters.cas++;
    if (change.kind === "put") {
      counters.stored++;
      this.#put(key, change, change.value, now, false);
      return;
    }
    // The journal knows whole items only.
    const item = this.find(key, "place");
    if (!item) return;
    this.#put(key, { ...change, flags: item.flags }, item.value, item.accessed, item.fetched);
  }

  /** Its item, which is there, counts as fetched. */
  fetch(key: string, now: number): void {
    const at = this.#lastChange(key);
    if (at === undefined) this.#view.fetch(key, now);
    else stampUse(this.writer.bytes, at, now, true);
  }

  #put(key: string, head: EntryHead, value: Put["value"], accessed: number, fetched: boolean): void {
    if (value instanceof ValueFile) {
      this.spooled.push(value);
      this.writer.putSpooled(key, head, accessed, fetched, value.description);
    } else if ("parts" in value || isSpooled(value)) {
      throw new Error("a value that this store does not have");
    } else {
      this.writer.put(key, head, accessed, fetched, value);
    }
  }

  flush(): void {
    this.#changed.clear();
    this.#flushed = true;
    this.#counters.flushAt = 0;
    this.writer.note(FLUSH);
    this.#indexed = this.writer.length;
  }

  flushAt(time: number): void {
    this.#counters.flushAt = time;
    this.writer.note(FLUSH_AT, time);
  }

  #lastChange(key: string): number | undefined {
    const { bytes, length } = this.writer;
    for (let at = this.#indexed; at < length; at += entryLength(bytes.keyLength(at), bytes.size(at))) {
      if (bytes.kind(at) !== FLUSH_AT) this.#changed.set(bytes.key(at), at);
    }
    this.#indexed = length;
    return this.#changed.size === 0 ? undefined : this.#changed.get(key);
  }
}
