// Items under keys: what memcached calls its cache, and we keep.

import type { ItemCommand, KeyCommand } from "../wire/memcached/commands.ts";
import type { Reply } from "../wire/memcached/replies.ts";
import type { SpooledValue, Value } from "../wire/memcached/spooled.ts";

/** What is known of an item without reading its value. */
export interface ItemHead {
  /** 32 bits, unsigned; opaque to us. */
  readonly flags: number;
  /** When it expires, in ms since 1970: from then on the item is absent. 0: never. */
  readonly exptime: number;
  /**
   * Grows with every change of the value, over all keys, across restarts; stays below 2^53. Only a meta command
   * that names a cas unique of its own (flag `E`) leaves that order.
   */
  readonly cas: number;
  /** Bytes of the value. */
  readonly size: number;
  /** Bits that the rules keep with the item; 0 to 255, durable, without a meaning for adapters (see domain/kv/state.ts). */
  readonly state: number;
  /**
   * When it was last fetched or stored, in ms since 1970, as far as the adapter remembers; 0: it does not. Kept in memory
   * only, and only for so many items as is cheap: to persist it would make a write of every get.
   */
  readonly accessed: number;
  /** Whether it was fetched since it was stored; remembered as `accessed` is. */
  readonly fetched: boolean;
}

export interface Item extends ItemHead {
  readonly value: Value;
}

/** An item whose value belongs to whom it is given. */
export interface ItemCopy extends ItemHead {
  readonly value: Uint8Array | SpooledValue;
}

export interface KeyHead extends ItemHead {
  /** One character (U+0000 to U+00FF) per byte. */
  readonly key: string;
}

export interface Put {
  readonly kind: "put";
  readonly flags: number;
  readonly exptime: number;
  readonly cas: number;
  readonly state: number;
  readonly value: Value | JoinedValue;
}

/** Two values one behind the other, of which at least one is spooled or the sum is large: the adapter makes one of them. */
export interface JoinedValue {
  /** Bytes of both. */
  readonly length: number;
  readonly parts: readonly [first: Value, second: Value];
}

/** The item keeps its flags and value. */
export interface Retouch {
  readonly kind: "touch";
  readonly exptime: number;
  readonly cas: number;
  readonly state: number;
}

/** What becomes of an item. `touch` and `remove` are given for an item that is stored. */
export type Change = Put | Retouch | { readonly kind: "remove" };

export interface Decision {
  readonly reply: Reply;
  /** Absent: nothing changes. */
  readonly change?: Change;
  /** The item was fetched: an adapter that remembers `accessed` and `fetched` sets them. */
  readonly fetch?: true;
}

/**
 * The rules of memcached, as pure functions, handed to the adapter that carries them out: so SQLite, memory and
 * Redis behave the same. They are made by `domain/kv/rules.ts`.
 */
export interface Rules {
  /** Whether `decide` looks at what is stored; else the adapter may pass undefined without having looked. */
  needsItem(command: KeyCommand): boolean;

  /** Whether `decide` looks at the stored value; else the adapter may pass an item with an empty value. */
  needsValue(command: KeyCommand): boolean;

  /**
   * Whether an item whose state is 0 is answered to it by `found`, as to a `get`, and counts as fetched: then an adapter that has
   * such an item at hand need not ask `decide`.
   */
  isPlain(command: KeyCommand): boolean;

  /**
   * `item`: what is stored under the command's key, or undefined; expired or not, the rules know the difference.
   * `now`: ms since 1970. `nextCas`: one more than the last cas unique that was given out; it is given out as soon as
   * a change with it is carried out.
   *
   * A command that `isWrite` calls a read may still ask for a change (a meta get that wins a stale item): then the
   * batch it came in is to be carried out from its beginning as one that writes.
   */
  decide(command: KeyCommand, item: Item | undefined, now: number, nextCas: number): Decision;

  /** The time (ms since 1970) at which a `flush_all` that is given at `now` takes effect; `now` or earlier: at once. */
  flushAt(delay: number, now: number): number;
}

export interface ScanQuery {
  /** Only keys that begin so; may be empty. */
  readonly prefix: string;
  /** Only keys after this one. */
  readonly after?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface KeyHeadPage {
  /** In ascending order of the keys' bytes. */
  readonly keys: readonly KeyHead[];
  /** Give it as `after` to get the next page; null on the last. */
  readonly next: string | null;
}

export interface KvStats {
  /** Expired items count until they are swept. */
  readonly items: number;
  /** Bytes of all keys and values. */
  readonly bytes: number;
  /** Values stored since the process started. */
  readonly totalItems: number;
}

/**
 * Replies that are still to come: a promise, or something lighter (for a server of small sets a promise a batch is a tenth of
 * its time), which may call back before the turn ends in which it was settled. It is to be awaited once.
 */
export interface PendingReplies {
  then(answer: (replies: readonly Reply[]) => void, fail: (fault: unknown) => void): void;
}

/** A value that arrives in pieces. `await using` it: disposed of it is gone, unless `execute` has stored it by then. */
export interface Spool extends AsyncDisposable {
  /** Appends. Resolves when the pieces may be used again. Faults as of `execute`; then nothing more can be written. */
  write(pieces: readonly Uint8Array[]): Promise<void>;

  /**
   * Resolves when all of it is durable, with what a store command carries to `execute`, once. Fault `invalid` when it has not the
   * length that was declared.
   */
  finish(): Promise<SpooledValue>;
}

/**
 * Contract, for every adapter:
 * - What `execute` answers is durable, if the adapter is: a batch that writes is answered after the commit.
 * - Commands of a batch are carried out in order and see the effects of those before them. Batches of one caller
 *   are given one after the other (the next when the last is answered); batches of several callers may share a
 *   transaction, in which they keep the order in which they were given.
 * - No batch, and no `read` or `scan`, ever sees a value that a crash could take back. (A batch with writes may
 *   see those of others in its own transaction, for it is answered only after the commit, or fails with them.)
 * - If a transaction fails, every batch in it rejects with the Fault, nothing is changed, and later ones work.
 * - An expired item (see `exptime`) is absent for every command and method. It is removed when it is overwritten or
 *   swept, never by a read.
 * - A `flush_all` with a delay takes effect at its time, also across a restart: what was stored by then is gone. A later
 *   `flush_all` takes the place of one that still waits.
 * - Memory is bounded: the items are never all in memory (but in the memory adapter), and the replies of one
 *   call hold about `budget` bytes of values.
 * - A value that was spooled never passes through memory whole, whatever is done with its item. In replies it may be a handle: it is
 *   opened in the turn in which it was given, and can be read to its end when the item is overwritten, removed or flushed meanwhile.
 *   A crash leaves no bytes behind that no item has.
 * - One process at a time: opening a store that another one serves is Fault `conflict`.
 * - Errors are Faults: `no-space`, `corrupt`, `forbidden`, `busy`, `unreachable`, `internal`.
 */
export interface Kv extends AsyncDisposable {
  /**
   * Carries out a batch. Reads alone may be answered at once; what writes never is.
   *
   * Replies stand in the order of the commands. There may be fewer replies than commands, at least one: as soon as the values
   * found exceed `budget` bytes (default 1 MiB) the rest is not carried out, and the caller gives it again; a handle always
   * exceeds it. An `append` or `prepend` to a large value takes as long as copying it, and may end the replies before it.
   * A value in replies that come at once may stand in the store's memory: it is valid until the next call, or until the caller
   * gives way. In those that were waited for it belongs to the caller. Throws or rejects with a Fault: then nothing of the batch is changed.
   */
  execute(batch: readonly ItemCommand[], budget?: number): readonly Reply[] | PendingReplies;

  /**
   * Begins a value of `size` bytes that is not to be held in memory. Fault `no-space` at once when there is no room for all of it.
   */
  spool(size: number): Promise<Spool>;

  /** One item, without counting as a command; a miss is a value. */
  read(key: string): Promise<ItemCopy | undefined>;

  /** A page of keys without their values. Keys stored throughout a listing appear exactly once; others at most once. */
  scan(query: ScanQuery): Promise<KeyHeadPage>;

  /**
   * Right after a restart too, without reading all items, and soon: an adapter that is taking in many changes may tell `items` and `bytes` as
   * they were some seconds ago.
   */
  stats(): Promise<KvStats>;

  /**
   * Removes up to `limit` expired items, by the way of every other write, and resolves how many they were: fewer than
   * `limit` when none is left. Takes time by `limit`, not by how many items there are.
   */
  sweep(limit: number): Promise<number>;

  /** Commits what was given to `execute`, answers it, and lets go of the store. Later calls fail. */
  [Symbol.asyncDispose](): Promise<void>;
}
