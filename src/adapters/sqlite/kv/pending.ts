// A batch that waits for its commit, and its answer.
//
// Written for speed: it calls back in the turn of the commit. A promise, its two closures and their microtask took 1.1 µs.

import type { PendingReplies } from "../../../ports/kv.ts";
import type { ItemCommand } from "../../../wire/memcached/commands.ts";
import type { Reply } from "../../../wire/memcached/replies.ts";

export class Pending implements PendingReplies {
  readonly batch: readonly ItemCommand[];
  readonly budget: number;
  #replies: readonly Reply[] | undefined;
  #fault: unknown;
  #onAnswer: ((replies: readonly Reply[]) => void) | undefined;
  #onFault: ((fault: unknown) => void) | undefined;

  constructor(batch: readonly ItemCommand[], budget: number) {
    this.batch = batch;
    this.budget = budget;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is there to be awaited
  then(answer: (replies: readonly Reply[]) => void, fail: (fault: unknown) => void): void {
    this.#onAnswer = answer;
    this.#onFault = fail;
    if (this.#replies) this.answer(this.#replies);
    else if (this.#fault !== undefined) this.refuse(this.#fault);
  }

  answer(replies: readonly Reply[]): void {
    this.#replies = replies;
    if (this.#onAnswer) call(this.#onAnswer, replies);
  }

  refuse(fault: unknown): void {
    this.#fault = fault;
    if (this.#onFault) call(this.#onFault, fault);
  }
}

/** An error in a callback is nobody's here: it is told as one of a promise would be, and the others are answered. */
function call<T>(callback: (value: T) => void, value: T): void {
  try {
    callback(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
