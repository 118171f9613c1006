// One sorted input of a merge: opened when the merge begins, read ahead, closed whatever happens.

import { Fault } from "../wire/faults.ts";
import type { Kernel } from "./kernel.ts";

const PIECE = 64 * 1024;

/** Sorted lines, as bytes in pieces of any size. */
export interface MergeInput {
  /** For messages: the object's name. */
  readonly name: string;
  /** Bytes, if known: small inputs take less memory then. */
  readonly size?: number | undefined;
  /** Called once for each pass that reads it. The pieces must stay as they are until the next but one is asked for. */
  open(signal: AbortSignal | undefined): AsyncIterable<Uint8Array>;
  /**
   * Opens an input that lies in a file of this machine, whose reads wait for a disk at most: it is read straight
   * to where its lines are merged. Used in place of `open` where it is there.
   */
  file?: (() => SortedFile) | undefined;
  /** It is a run of records (see record-frames.ts): only the merge itself makes them. */
  readonly framed?: boolean;
}

/** An open file, read without promises. */
export interface SortedFile {
  /** Bytes, when it was opened. */
  readonly size: number;
  /** The system's handle, by which other threads of this process can read it, too. */
  readonly fd?: number;
  /** Fills `into` from `position` on; fewer bytes only at the end of the file. */
  read(into: Uint8Array, position: number): number;
  close(): void;
}

export interface ReaderOptions {
  readonly signal?: AbortSignal | undefined;
  readonly longestLine: number;
  readonly onRead: (input: MergeInput, bytes: number) => void;
}

export interface InputReader extends AsyncDisposable {
  readonly name: string;
  /**
   * Feeds the kernel until this input has a whole line ready, or has ended. Fault `too-large` for a longer line.
   * Returns undefined when that is done, or a promise of it.
   */
  fill(kernel: Kernel): Promise<void> | undefined;
}

export function openReader(input: MergeInput, index: number, options: ReaderOptions): InputReader {
  return input.file
    ? new FileReader(input, input.file, index, options)
    : new StreamReader(input, index, options);
}

/** The bytes of an input as pieces, however it is read. */
export async function* streamOf(
  input: MergeInput,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let file = input.file?.();
  if (!file) return yield* input.open(signal);
  try {
    for (let position = 0; file && position < file.size; ) {
      signal?.throwIfAborted();
      const piece = new Uint8Array(Math.min(PIECE, file.size - position));
      const length = file.read(piece, position);
      if (length === 0) throw cutOff(input.name, position);
      position += length;
      // Closed before the last piece is looked at: thousands of small files need no more handles than one.
      if (position >= file.size) file = closed(file);
      yield length === piece.length ? piece : piece.subarray(0, length);
    }
  } finally {
    file?.close();
  }
}

function closed(file: SortedFile): undefined {
  file.close();
}

class FileReader implements InputReader {
  readonly name: string;
  readonly #input: MergeInput;
  readonly #index: number;
  readonly #options: ReaderOptions;
  readonly #open: () => SortedFile;
  #file: SortedFile | undefined;
  #opened = false;
  #position = 0;

  constructor(input: MergeInput, open: () => SortedFile, index: number, options: ReaderOptions) {
    this.name = input.name;
    this.#input = input;
    this.#open = open;
    this.#index = index;
    this.#options = options;
  }

  fill(kernel: Kernel): undefined {
    while (!kernel.slots.ready(this.#index)) {
      // Opened when it is read, and a small one closed at once: thousands need no more handles than one.
      if (!this.#opened) this.#file = this.#open();
      this.#opened = true;
      const file = this.#file;
      if (file && this.#position < file.size) this.#read(kernel, file);
      if (!file || this.#position >= file.size) this.#finish(kernel);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file?.close();
    this.#file = undefined;
  }

  #read(kernel: Kernel, file: SortedFile): void {
    const room = kernel.slots.room(this.#index);
    const wanted = Math.min(room.length, file.size - this.#position);
    const length = file.read(wanted < room.length ? room.subarray(0, wanted) : room, this.#position);
    if (length === 0) throw cutOff(this.name, this.#position);
    this.#position += length;
    kernel.slots.took(this.#index, length);
    this.#options.onRead(this.#input, length);
    checkLength(this.name, this.#index, kernel, this.#options.longestLine);
  }

  #finish(kernel: Kernel): void {
    this.#file?.close();
    this.#file = undefined;
    kernel.slots.finish(this.#index);
  }
}

class StreamReader implements InputReader {
  readonly name: string;
  readonly #index: number;
  readonly #longestLine: number;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #onRead: (bytes: number) => void;
  #rest: Uint8Array = new Uint8Array(0);
  #next: Promise<IteratorResult<Uint8Array>>;
  #ended = false;

  constructor(input: MergeInput, index: number, { signal, longestLine, onRead }: ReaderOptions) {
    this.name = input.name;
    this.#index = index;
    this.#longestLine = longestLine;
    this.#onRead = (bytes) => onRead(input, bytes);
    this.#iterator = input.open(signal)[Symbol.asyncIterator]();
    this.#next = this.#ask();
  }

  async fill(kernel: Kernel): Promise<void> {
    while (!kernel.slots.ready(this.#index)) {
      if (this.#rest.length === 0) await this.#advance(kernel);
      if (this.#rest.length === 0) continue;
      this.#rest = this.#rest.subarray(kernel.slots.append(this.#index, this.#rest));
      checkLength(this.name, this.#index, kernel, this.#longestLine);
      // The next piece is read while this one is merged.
      if (this.#rest.length === 0) this.#next = this.#ask();
    }
  }

  /** Lets the source free what it holds. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.#iterator.return?.();
  }

  async #advance(kernel: Kernel): Promise<void> {
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

function cutOff(name: string, position: number): Fault {
  return new Fault("internal", `${name} was cut to ${position} bytes while it was being read`);
}

function checkLength(name: string, index: number, kernel: Kernel, longestLine: number): void {
  if (kernel.slots.ready(index) || kernel.slots.unfinished(index) <= longestLine) return;
  throw new Fault("too-large", `${name}, line ${kernel.lines(index) + 1}: longer than ${longestLine} bytes`, {
    hint: "Check that the file is a text of lines that end with a newline.",
    details: { source: name },
  });
}
