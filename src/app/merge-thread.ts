// A thread of a merge: merges the parts it is given, one after another, into memory shared with the one who asked.

import { openedRange } from "../adapters/disk/sync-file.ts";
import type { LineOrder } from "../compute/line-order.ts";
import { type MergeInput, mergeSorted } from "../compute/merge.ts";
import type { MergePart } from "../compute/merge-parts.ts";
import { ArenaMemory } from "../compute/merge-slots.ts";
import { type Code, Fault, toFault } from "../wire/faults.ts";

/** What all parts of one merge have in common. */
export interface MergeTask {
  readonly inputs: readonly { readonly name: string; readonly fd: number }[];
  readonly order: LineOrder;
  readonly longestLine: number | undefined;
  /** Where pieces of the output are put, PIECE bytes apart. */
  readonly memory: SharedArrayBuffer;
}

export type ToThread =
  | { readonly kind: "task"; readonly task: MergeTask }
  | { readonly kind: "part"; readonly part: MergePart }
  /** The place of a piece may be used again. */
  | { readonly kind: "free"; readonly place: number };

/** `read`: bytes of the part's inputs that were read so far. */
export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "piece"; readonly place: number; readonly length: number; readonly read: number }
  | { readonly kind: "ended"; readonly read: number }
  | { readonly kind: "failed"; readonly fault: PlainFault };

/** A fault as it crosses from one thread to another. */
export interface PlainFault {
  readonly code: Code;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

/** Bytes of one piece: as many as `mergeSorted` gives at one time. */
export const PIECE = 512 * 1024;

declare const self: Worker;

class MergeThread {
  readonly #tell: (message: FromThread) => void;
  readonly #memory = new ArenaMemory();
  #task: MergeTask | undefined;
  #free: number[] = [];
  #freed: (() => void) | undefined;

  constructor(tell: (message: FromThread) => void) {
    this.#tell = tell;
  }

  async take(message: ToThread): Promise<void> {
    if (message.kind === "task") {
      this.#task = message.task;
      const places = Math.floor(message.task.memory.byteLength / PIECE);
      this.#free = Array.from({ length: places }, (_, i) => places - 1 - i);
    } else if (message.kind === "free") {
      this.#free.push(message.place);
      this.#freed?.();
    } else if (this.#task) {
      await this.#merge(this.#task, message.part).catch((error) => {
        const { code, message, hint, details } = toFault(error);
        this.#tell({ kind: "failed", fault: { code, message, hint, details } });
      });
    }
  }

  async #merge({ inputs, order, longestLine, memory }: MergeTask, part: MergePart): Promise<void> {
    let read = 0;
    const ranges = inputs.flatMap((input, i) => rangeOf(input, part[i]));
    const pieces = mergeSorted(ranges, {
      ...{ order, reuse: true, memory: this.#memory, fanIn: Math.max(2, ranges.length) },
      ...(longestLine !== undefined && { longestLine }),
      onProgress: (bytes) => {
        read = bytes;
      },
    });
    for await (const piece of pieces) {
      // A record that is longer than a piece, with all the lines that continue it, is cut.
      for (let at = 0; at < piece.length; at += PIECE) {
        const place = await this.#place();
        const bytes = piece.subarray(at, at + PIECE);
        new Uint8Array(memory, place * PIECE, bytes.length).set(bytes);
        this.#tell({ kind: "piece", place, length: bytes.length, read });
      }
    }
    this.#tell({ kind: "ended", read });
  }

  /** Where the next piece may be put: waits for one that has been written elsewhere. */
  async #place(): Promise<number> {
    for (;;) {
      const place = this.#free.pop();
      if (place !== undefined) return place;
      await new Promise<void>((resolve) => {
        this.#freed = resolve;
      });
    }
  }
}

function rangeOf(
  { name, fd }: MergeTask["inputs"][number],
  range: MergePart[number] | undefined,
): MergeInput[] {
  if (!range || range.start === range.end) return [];
  const { start, end } = range;
  const notStreamed = () => {
    throw new Fault("internal", `${name} is read as a file`);
  };
  return [{ name, size: end - start, open: notStreamed, file: () => openedRange(fd, start, end) }];
}

if (!Bun.isMainThread) {
  const thread = new MergeThread((message) => self.postMessage(message));
  self.onmessage = ({ data }: MessageEvent<ToThread>) => void thread.take(data);
  self.postMessage({ kind: "ready" } satisfies FromThread);
}
