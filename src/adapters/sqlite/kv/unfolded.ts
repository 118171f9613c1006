// What SQLite does not have yet: where in the ring it begins, and what segments of the journal tell beside their items.

/** What a fold needs of the segments it brings into SQLite; it can be sent to another thread, which reads the ring's own memory. */
export interface Changes {
  /** Of the ring. In it entries of these segments stay as they are until the fold is over. */
  readonly memory: SharedArrayBuffer;
  readonly capacity: number;
  /** Marks of the ring: the entries stand between them, among others that are not of these segments. */
  readonly from: number;
  readonly to: number;
  /** Segments after the first, up to the second. */
  readonly after: number;
  readonly last: number;
  /** The last cas unique that was given out. */
  readonly cas: number;
  /** All that was stored before them is gone. */
  readonly flushed: boolean;
  /** Of a `flush_all` that waits: ms since 1970, 0: none; undefined: as it was. */
  readonly flushAt: number | undefined;
  /** Names of the large values that were stored in them, replaced since or not. */
  readonly large: readonly string[];
}

/** Of one segment. */
interface Notes {
  readonly segment: number;
  start: number;
  cas: number;
  flushed: boolean;
  flushAt: number | undefined;
  large: string[];
}

export class Unfolded {
  /** Oldest first. */
  #segments: Notes[] = [];

  /** The mark before which SQLite has everything; `Infinity`: it has all. */
  get oldest(): number {
    return this.#segments[0]?.start ?? Number.POSITIVE_INFINITY;
  }

  /** The last segment with a `flush_all`; 0: none. What came before is to be folded with it: only the ring knew it. */
  get flushedIn(): number {
    return this.#segments.findLast(({ flushed }) => flushed)?.segment ?? 0;
  }

  /** What comes from now on is of this segment. `mark`: where the ring stands. */
  begin(segment: number, mark: number): Notes {
    const last = this.#segments.at(-1);
    if (last?.segment === segment) return last;
    const notes = { segment, start: mark, cas: 0, flushed: false, flushAt: undefined, large: [] };
    this.#segments.push(notes);
    return notes;
  }

  /** The ring is empty. */
  clear(): void {
    for (const notes of this.#segments) notes.start = 0;
  }

  /** `mark`: where the ring stands. */
  upTo(last: number, mark: number): Omit<Changes, "memory" | "capacity" | "after"> {
    const taken = this.#segments.filter(({ segment }) => segment <= last);
    const next = this.#segments[taken.length];
    const to = next?.start ?? mark;
    return {
      from: taken[0]?.start ?? to,
      to,
      last,
      cas: Math.max(0, ...taken.map(({ cas }) => cas)),
      flushed: taken.some(({ flushed }) => flushed),
      flushAt: taken.findLast(({ flushAt }) => flushAt !== undefined)?.flushAt,
      large: taken.flatMap(({ large }) => large),
    };
  }

  folded(last: number): void {
    this.#segments = this.#segments.filter(({ segment }) => segment > last);
  }
}
