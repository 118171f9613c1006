// The keys of a merge by columns or whole lines: bytes, compared where they lie, by offset-value codes.

import { Columns } from "./columns.ts";
import { JoinedKeys } from "./joined-keys.ts";
import { BEFORE_LAST, CONTINUES, IN_ORDER, type LineKeys } from "./line-keys.ts";
import type { LineOrder } from "./line-order.ts";
import { at, type MergeSlots } from "./merge-slots.ts";
import { commonPrefix } from "./offset-value.ts";
import { codeAt, firstOpenByte, symbolAt, turned } from "./word-codes.ts";

const SPACE = 32;
const TAB = 9;

/** Memory that keys lie in; it may be replaced. */
interface Place {
  readonly view: DataView;
}

export class ByteKeys implements LineKeys {
  readonly codes: Float64Array;
  readonly #slots: MergeSlots;
  readonly #columns: Columns;
  /** 0: the whole line. */
  readonly #column: number;
  /** Keys of several columns. */
  readonly #joined: JoinedKeys | undefined;
  readonly #place: Place;
  readonly #reverse: boolean;
  readonly #continuation: boolean;
  /** By input: where the head's key begins, and its bytes. */
  readonly #head: Int32Array;
  readonly #length: Int32Array;
  /** The same of the line before; -1 bytes: there is none. */
  readonly #previous: Int32Array;
  readonly #previousLength: Int32Array;
  #last = -1;

  constructor({ key, reverse, continuation }: LineOrder, slots: MergeSlots, inputs: number) {
    const columns = key?.columns ?? [];
    this.#slots = slots;
    this.#columns = new Columns(key?.delimiter);
    this.#column = columns[0] ?? 0;
    if (columns.length > 1) this.#joined = new JoinedKeys(columns, this.#columns, inputs);
    this.#place = this.#joined ?? slots;
    this.#reverse = reverse === true;
    this.#continuation = continuation === true;
    this.codes = new Float64Array(inputs);
    this.#head = new Int32Array(inputs);
    this.#length = new Int32Array(inputs);
    this.#previous = new Int32Array(inputs);
    this.#previousLength = new Int32Array(inputs).fill(-1);
    if (!this.#joined) slots.follow(this.#previous, this.#head);
  }

  read(input: number, from: number, to: number): number {
    const bytes = this.#slots.bytes;
    if (this.#continuation && (bytes[from] === SPACE || bytes[from] === TAB)) return CONTINUES;
    if (this.#column === 0) return this.#encode(input, from, to - from, this.#agreeing(input, from, to));
    if (this.#joined) {
      const length = this.#joined.read(input, bytes, from, to);
      const head = this.#joined.headOf(input);
      return this.#encode(input, head, length, this.#agreeing(input, head, head + length));
    }
    this.#columns.seek(bytes, from, to, this.#column);
    const { start, lineEnd } = this.#columns;
    // What agrees with a column before has no delimiter in it.
    const agreeing = this.#agreeing(input, start, lineEnd);
    const end = this.#columns.endFrom(bytes, start + agreeing);
    return this.#encode(input, start, end - start, agreeing);
  }

  readNone(input: number): void {
    this.#encode(input, at(this.#slots.head, input), 0, 0);
  }

  pass(input: number): void {
    this.#previous[input] = at(this.#head, input);
    this.#previousLength[input] = at(this.#length, input);
    this.#joined?.pass(input);
    this.#last = input;
  }

  repeats(input: number): boolean {
    const last = this.#last;
    if (last < 0) return false;
    const length = at(this.#length, input);
    if (length !== at(this.#previousLength, last)) return false;
    const { view } = this.#place;
    return commonPrefix(view, at(this.#head, input), at(this.#previous, last), length) === length;
  }

  beats(a: number, b: number): boolean {
    const from = firstOpenByte(this.codes[a] as number);
    const lengthA = at(this.#length, a);
    const lengthB = at(this.#length, b);
    // Both ended in the word that their codes are of.
    if (lengthA < from) return a < b;
    const { view } = this.#place;
    const x = at(this.#head, a);
    const y = at(this.#head, b);
    const agreeing = commonPrefix(view, x + from, y + from, Math.min(lengthA, lengthB) - from);
    const word = (from + agreeing) >> 2;
    const symbolA = this.#symbol(x, lengthA, word);
    const symbolB = this.#symbol(y, lengthB, word);
    const isFirst = symbolA === symbolB ? a < b : symbolA < symbolB;
    if (isFirst) this.codes[b] = codeAt(word, symbolB);
    else this.codes[a] = codeAt(word, symbolA);
    return isFirst;
  }

  /** How many bytes from `start` on, before `end`, are those of the key before. */
  #agreeing(input: number, start: number, end: number): number {
    const length = Math.min(end - start, at(this.#previousLength, input));
    return commonPrefix(this.#place.view, at(this.#previous, input), start, length);
  }

  /** Takes the head's key, whose first `offset` bytes are those of the key before; its code against that checks their order, too. */
  #encode(input: number, head: number, length: number, agreeing: number): number {
    this.#head[input] = head;
    this.#length[input] = length;
    const word = Math.min(agreeing, length) >> 2;
    const previousLength = at(this.#previousLength, input);
    if (previousLength < 0) {
      this.codes[input] = codeAt(0, this.#symbol(head, length, 0));
      return IN_ORDER;
    }
    const symbol = this.#symbol(head, length, word);
    this.codes[input] = codeAt(word, symbol);
    return symbol < this.#symbol(at(this.#previous, input), previousLength, word) ? BEFORE_LAST : IN_ORDER;
  }

  /** Backwards, what is greater goes first, and the end of a key behind all. */
  #symbol(key: number, length: number, word: number): number {
    const symbol = symbolAt(this.#place.view, key, length, word);
    return this.#reverse ? turned(symbol) : symbol;
  }
}
