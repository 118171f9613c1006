// The threads of one merge: each is given the next part when it has ended one; their outputs come in the parts' order.

import type { MergeOptions } from "../compute/merge.ts";
import type { MergePart } from "../compute/merge-parts.ts";
import { Fault } from "../wire/faults.ts";
import { type FromThread, type MergeTask, PIECE, type ToThread } from "./merge-thread.ts";

/** Places beside those of one part: two are lent to the reader, and a part may be larger than was thought. */
const SPARE = 6;

interface Piece {
  readonly thread: Thread;
  readonly place: number;
  readonly bytes: Uint8Array;
}

/** What has come of one part. */
interface Output {
  readonly pieces: Piece[];
  read: number;
  ended: boolean;
  fault?: Fault;
}

export class MergeCrew implements AsyncDisposable {
  /** False when threads cannot be started here. */
  readonly started: Promise<boolean>;
  readonly #threads: readonly Thread[];
  readonly #outputs: Output[] = [];
  #parts: Iterator<MergePart> | undefined;
  /** Cut while the threads are busy, so that none waits for it. */
  #next: MergePart | undefined;
  /** An error of the disk while a part was cut. */
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** `memory`: bytes of output that one thread may be ahead. */
  static start(count: number, memory: number): MergeCrew {
    return new MergeCrew(Array.from({ length: count }, () => new Thread(memory + SPARE * PIECE)));
  }

  private constructor(threads: readonly Thread[]) {
    this.#threads = threads;
    this.started = Promise.all(threads.map((thread) => thread.started)).then((all) => all.every(Boolean));
  }

  /** Once. A piece's memory is used again when the next but one is asked for. Faults have the line numbers of their part. */
  async *merge(
    inputs: MergeTask["inputs"],
    parts: Iterator<MergePart>,
    { order = {}, longestLine, reuse, signal, onProgress }: MergeOptions,
  ): AsyncGenerator<Uint8Array> {
    this.#parts = parts;
    this.#next = this.#cut();
    for (const thread of this.#threads) {
      thread.begin({ inputs, order, longestLine });
      this.#give(thread);
    }
    let read = 0;
    let lent: Piece | undefined;
    for (let part = 0; part < this.#outputs.length; part += 1) {
      for (;;) {
        const output = await this.#outputOf(part, signal);
        const piece = output.pieces.shift();
        if (piece) {
          yield reuse ? piece.bytes : piece.bytes.slice();
          if (lent) lent.thread.free(lent.place);
          lent = piece;
        } else if (output.fault) throw output.fault;
        else {
          read += output.read;
          break;
        }
        onProgress?.(read + output.read);
      }
      onProgress?.(read);
    }
  }

  /** No thread reads anything any more when it resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  #cut(): MergePart | undefined {
    try {
      const { done, value } = this.#parts?.next() ?? { done: true };
      return done === true ? undefined : value;
    } catch (error) {
      this.#failure = { error };
      return undefined;
    }
  }

  #give(thread: Thread): void {
    const part = this.#next;
    if (!part) return;
    const output: Output = { pieces: [], read: 0, ended: false };
    this.#outputs.push(output);
    thread.merge(part, (message) => this.#hear(thread, output, message));
    this.#next = this.#cut();
  }

  #hear(thread: Thread, output: Output, message: FromThread): void {
    if (message.kind === "piece") {
      output.pieces.push({ thread, place: message.place, bytes: thread.bytesOf(message) });
      output.read = message.read;
    } else if (message.kind === "failed") {
      const { code, message: text, hint, details } = message.fault;
      output.fault = new Fault(code, text, { ...(hint && { hint }), ...(details && { details }) });
    } else if (message.kind === "ended") {
      output.ended = true;
      output.read = message.read;
      this.#give(thread);
    }
    this.#wake?.();
  }

  /** Waits until there is a piece of this part, or its end, or its fault. */
  async #outputOf(part: number, signal: AbortSignal | undefined): Promise<Output> {
    const output = this.#outputs[part];
    if (!output) throw new Fault("internal", `part ${part} of the merge was given to no thread`);
    const wake = () => this.#wake?.();
    signal?.addEventListener("abort", wake);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.#failure) throw this.#failure.error;
        if (output.pieces.length > 0 || output.ended || output.fault) return output;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener("abort", wake);
    }
  }
}

/** One thread, seen from outside. */
class Thread {
  /** False when it cannot be: a program compiled into one file has no module to start it from. */
  readonly started: Promise<boolean>;
  readonly #worker: Worker;
  readonly #memory: SharedArrayBuffer;
  readonly #closed: Promise<void>;
  #hear: (message: FromThread) => void = () => undefined;

  constructor(memory: number) {
    this.#memory = new SharedArrayBuffer(memory);
    this.#worker = new Worker(new URL("./merge-thread.ts", import.meta.url));
    this.#closed = new Promise((resolve) => this.#worker.addEventListener("close", () => resolve()));
    this.started = new Promise((resolve) => {
      this.#worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
        if (data.kind === "ready") resolve(true);
        else this.#hear(data);
      };
      this.#worker.onerror = ({ message }: ErrorEvent) => {
        resolve(false);
        this.#hear({ kind: "failed", fault: faultOf(message) });
      };
    });
  }

  begin(task: Omit<MergeTask, "memory">): void {
    this.#post({ kind: "task", task: { ...task, memory: this.#memory } });
  }

  merge(part: MergePart, hear: (message: FromThread) => void): void {
    this.#hear = hear;
    this.#post({ kind: "part", part });
  }

  free(place: number): void {
    this.#post({ kind: "free", place });
  }

  bytesOf({ place, length }: { readonly place: number; readonly length: number }): Uint8Array {
    return new Uint8Array(this.#memory, place * PIECE, length);
  }

  async end(): Promise<void> {
    this.#worker.terminate();
    await this.#closed;
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}

function faultOf(message: string) {
  const text = `a thread of the merge ended: ${message}`;
  return { code: "internal", message: text, hint: undefined, details: undefined } as const;
}
