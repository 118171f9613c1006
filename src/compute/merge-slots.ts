// The memory of a merge: one buffer with the output at its beginning, and a slot for each input behind it.

import { Fault } from "../wire/faults.ts";
import { endOfRecords } from "./record-frames.ts";

/** Words are read up to 3 bytes beyond a line's end. */
const SLACK = 8;
/** Positions are 32-bit integers. */
const MOST = 0x7fffffff;
const NEWLINE = 10;

export interface ArenaSizes {
  /** Bytes of the output. */
  readonly output: number;
  /** Bytes for each input. */
  readonly slots: readonly number[];
  /** By input, whether it is a run of records (see record-frames.ts), not of lines. */
  readonly framed?: readonly boolean[] | undefined;
  /** Where the memory comes from; by default it is new. */
  readonly memory?: ArenaMemory | undefined;
}

/** Memory for one merge after another: fresh pages for each would cost more than they hold. */
export class ArenaMemory {
  #bytes = new Uint8Array(0);

  /** At least `size` bytes of anything; what was taken before may not be used any more. */
  take(size: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < size) this.#bytes = new Uint8Array(size);
    return this.#bytes;
  }
}

/**
 * Positions by input, into `bytes`. They are public, and not wrapped, for the sake of the hot loop in
 * merge-kernel.ts; `append` moves what lies in the input's slot, and may replace `bytes` and `view`.
 */
export class MergeSlots {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  /** The line before the head, `[previous, previousEnd)`; empty before the first. */
  readonly previous: Int32Array;
  readonly previousEnd: Int32Array;
  /** Where the first line that is not merged yet begins. */
  readonly head: Int32Array;
  /** Behind the last newline: lines that begin before it are complete. In a run, behind the last whole record. */
  readonly limit: Int32Array;
  /** 1: no more bytes will come. */
  readonly finished: Uint8Array;
  /** 1: the input is a run of records. */
  readonly framed: Uint8Array;
  /** 1: what is there up to `limit` was not enough. */
  readonly #starved: Uint8Array;
  /** Positions in the line before, and from the head on, that change when an input's bytes are moved. */
  readonly #ofPrevious: Int32Array[];
  readonly #ofHead: Int32Array[];
  readonly #end: Int32Array;
  readonly #slot: Int32Array;
  readonly #capacity: Int32Array;
  /** The first byte that belongs to no slot. */
  #top: number;

  constructor({ output, slots, framed, memory }: ArenaSizes) {
    const count = slots.length;
    const starts = new Int32Array(count);
    this.#top = output;
    for (const [i, size] of slots.entries()) {
      starts[i] = this.#top;
      this.#top += size;
    }
    this.bytes = memory?.take(this.#top + SLACK) ?? new Uint8Array(this.#top + SLACK);
    this.view = new DataView(this.bytes.buffer);
    this.#slot = starts;
    this.#capacity = Int32Array.from(slots);
    this.previous = starts.slice();
    this.previousEnd = starts.slice();
    this.head = starts.slice();
    this.#end = starts.slice();
    this.limit = starts.slice();
    this.finished = new Uint8Array(count);
    this.framed = Uint8Array.from(framed ?? new Array(count), Number);
    this.#starved = new Uint8Array(count);
    this.#ofPrevious = [this.previous, this.previousEnd];
    this.#ofHead = [this.head, this.#end, this.limit];
  }

  /** From now on these positions, by input, in the line before and in the head, change as their bytes are moved. */
  follow(ofPrevious: Int32Array, ofHead: Int32Array): void {
    this.#ofPrevious.push(ofPrevious);
    this.#ofHead.push(ofHead);
  }

  /** True when the input has a whole line ready, or has ended. */
  ready(input: number): boolean {
    if (this.finished[input] === 1) return true;
    return at(this.head, input) < at(this.limit, input) && this.#starved[input] === 0;
  }

  /** The input is not ready before another line is there. */
  starve(input: number): void {
    this.#starved[input] = 1;
  }

  /** Bytes that wait for their newline. */
  unfinished(input: number): number {
    return at(this.#end, input) - at(this.head, input);
  }

  /** The head of the input and the line before it, cut to `most` bytes. */
  around(input: number, most: number): { readonly head: Uint8Array; readonly previous: Uint8Array } {
    const head = at(this.head, input);
    const end = this.bytes.indexOf(NEWLINE, head);
    const previous = at(this.previous, input);
    return {
      head: this.bytes.slice(head, Math.min(end, head + most)),
      previous: this.bytes.slice(previous, Math.min(at(this.previousEnd, input), previous + most)),
    };
  }

  /** Where the input's next bytes are to be written, at least one; then `took` says how many were. */
  room(input: number): Uint8Array {
    this.#makeRoom(input);
    // One byte is kept free for the final newline that `finish` may have to supply.
    const free = at(this.#slot, input) + at(this.#capacity, input) - 1;
    return this.bytes.subarray(at(this.#end, input), free);
  }

  took(input: number, length: number): void {
    const from = at(this.#end, input);
    const end = from + length;
    this.#end[input] = end;
    const before = at(this.limit, input);
    if (this.framed[input] === 1) {
      this.limit[input] = endOfRecords(this.view, before, end);
    } else {
      const newline = this.bytes.subarray(from, end).lastIndexOf(NEWLINE);
      if (newline >= 0) this.limit[input] = from + newline + 1;
    }
    if (at(this.limit, input) > before) this.#starved[input] = 0;
  }

  /** Takes as many of `bytes` as there is room for, at least one; returns how many. */
  append(input: number, bytes: Uint8Array): number {
    const room = this.room(input);
    const taken = Math.min(bytes.length, room.length);
    room.set(bytes.subarray(0, taken));
    this.took(input, taken);
    return taken;
  }

  /** The input has no more bytes. */
  finish(input: number): void {
    let end = at(this.#end, input);
    if (end > at(this.limit, input)) {
      if (this.framed[input] === 1) throw new Fault("corrupt", "an intermediate run ends within a record");
      this.bytes[end] = NEWLINE;
      end += 1;
      this.#end[input] = end;
      this.limit[input] = end;
    }
    this.finished[input] = 1;
  }

  /**
   * Moves what is still needed to the slot's beginning, the line before and the head; a slot that one long line fills is
   * doubled.
   */
  #makeRoom(input: number): void {
    this.#closeGap(input);
    const kept = at(this.previous, input);
    const length = at(this.#end, input) - kept;
    const capacity = at(this.#capacity, input);
    if (length + 2 > capacity - (capacity >> 2)) this.#grow(input, capacity * 2);
    const slot = at(this.#slot, input);
    const shift = slot - kept;
    if (shift === 0) return;
    this.bytes.copyWithin(slot, kept, kept + length);
    move(this.#ofPrevious, input, shift);
    move(this.#ofHead, input, shift);
  }

  /** Between the line before and the head there may be lines that continued it: nobody needs them any more. */
  #closeGap(input: number): void {
    const gap = at(this.head, input) - at(this.previousEnd, input) - 1;
    if (gap <= 0) return;
    const previous = at(this.previous, input);
    this.bytes.copyWithin(previous + gap, previous, at(this.previousEnd, input) + 1);
    move(this.#ofPrevious, input, gap);
  }

  /** Gives the input a larger slot at the arena's end. Its bytes stay where they are until `#makeRoom` moves them. */
  #grow(input: number, capacity: number): void {
    const last = at(this.#slot, input) + at(this.#capacity, input) === this.#top;
    const start = last ? at(this.#slot, input) : this.#top;
    const top = start + capacity;
    if (top + SLACK > MOST) {
      throw new Fault("too-large", "the lines that have to be compared at one time take more than 2 GB", {
        hint: "Merge fewer inputs at one time (a lower fan-in).",
      });
    }
    if (top + SLACK > this.bytes.length) {
      const arena = new Uint8Array(
        Math.max(top, Math.min(MOST - SLACK, Math.floor(this.#top * 1.25))) + SLACK,
      );
      arena.set(this.bytes.subarray(0, this.#top));
      this.bytes = arena;
      this.view = new DataView(arena.buffer);
    }
    this.#slot[input] = start;
    this.#capacity[input] = capacity;
    this.#top = top;
  }
}

function move(all: readonly Int32Array[], input: number, by: number): void {
  for (const positions of all) positions[input] = at(positions, input) + by;
}

/** An entry that is known to exist. */
export function at(array: Int32Array, index: number): number {
  return array[index] as number;
}
