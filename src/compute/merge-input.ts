// One sorted input of a merge: opened when the merge begins, read one piece ahead, closed whatever happens.

import { Fault } from "../wire/faults.ts";
import type { MergeKernel } from "./merge-kernel.ts";

/** Sorted lines, as bytes in pieces of any size. */
export interface MergeInput {
  /** For messages: the object's name. */
  readonly name: string;
  /** Called once for each pass that reads it. The pieces must stay as they are until the next but one is asked for. */
  open(signal: AbortSignal | undefined): AsyncIterable<Uint8Array>;
}

export class InputReader {
  readonly name: string;
  readonly #index: number;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #onRead: (bytes: number) => void;
  #rest: Uint8Array = new Uint8Array(0);
  #next: Promise<IteratorResult<Uint8Array>>;
  #ended = false;

  constructor(
    input: MergeInput,
    index: number,
    {
      signal,
      onRead,
    }: {
      readonly signal?: AbortSignal | undefined;
      readonly onRead: (input: MergeInput, bytes: number) => void;
    },
  ) {
    this.name = input.name;
    this.#index = index;
    this.#onRead = (bytes) => onRead(input, bytes);
    this.#iterator = input.open(signal)[Symbol.asyncIterator]();
    this.#next = this.#ask();
  }

  /** Feeds the kernel until this input has a whole line ready, or has ended. Fault `too-large` for a longer line. */
  async fill(kernel: MergeKernel, longestLine: number): Promise<void> {
    while (!kernel.slots.ready(this.#index)) {
      if (this.#rest.length === 0) await this.#advance(kernel);
      if (this.#rest.length === 0) continue;
      this.#rest = this.#rest.subarray(kernel.slots.append(this.#index, this.#rest));
      if (!kernel.slots.ready(this.#index) && kernel.slots.unfinished(this.#index) > longestLine) {
        throw new Fault(
          "too-large",
          `${this.name}, line ${kernel.lines(this.#index) + 1}: longer than ${longestLine} bytes`,
          { hint: "Check that the file is a text of lines that end with a newline." },
        );
      }
      // The next piece is read while this one is merged.
      if (this.#rest.length === 0) this.#next = this.#ask();
    }
  }

  /** Lets the source free what it holds. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.#iterator.return?.();
  }

  async #advance(kernel: MergeKernel): Promise<void> {
    const { done, value } = await this.#next;
    if (done === true) {
      this.#ended = true;
      kernel.slots.finish(this.#index);
      return;
    }
    this.#onRead(value.length);
    this.#rest = value;
    if (value.length === 0) this.#next = this.#ask();
  }

  #ask(): Promise<IteratorResult<Uint8Array>> {
    const next = this.#iterator.next();
    // Whoever awaits `#next` gets the error; this only keeps one that nobody gets to from ending the process.
    next.catch(() => undefined);
    return next;
  }
}
