// Answers batches of reads out of what is committed, without waiting.
//
// Written for speed: a `get` costs the two objects of its reply.

import type { Clock } from "../../../ports/clock.ts";
import type { Rules } from "../../../ports/kv.ts";
import { type ItemCommand, isWrite, type KeyCommand } from "../../../wire/memcached/commands.ts";
import { type Found, type Reply, valueBytes } from "../../../wire/memcached/replies.ts";
import type { KvView } from "./view.ts";

export interface ReadsOptions {
  readonly rules: Rules;
  readonly view: KvView;
  readonly clock: Clock;
  /** The cas unique that the next change would get. */
  readonly nextCas: () => number;
}

export class Reads {
  readonly #options: ReadsOptions;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** undefined: a command asks for a change, so the batch is to be given as one that writes. */
  answer(batch: readonly ItemCommand[], budget: number): Reply[] | undefined {
    const { rules, view, clock, nextCas } = this.#options;
    const now = clock.now();
    const replies: Reply[] = [];
    let found = 0;
    for (let i = 0; i < batch.length && found <= budget; i++) {
      const command = batch[i] as KeyCommand;
      const answer = this.#answer(command, now);
      if (answer) {
        replies.push(answer);
        found += valueBytes(answer);
        continue;
      }
      const item = view.find(command.key, rules.needsValue(command) ? "place" : "head");
      const { reply, change, fetch } = rules.decide(command, item, now, nextCas());
      if (change) return undefined;
      if (fetch && item?.fetched === false) view.fetch(command.key, now);
      replies.push(reply);
      found += valueBytes(reply);
    }
    return replies;
  }

  /** undefined: the rules have to decide. */
  #answer(command: KeyCommand, now: number): Found | "miss" | undefined {
    const { rules, view } = this.#options;
    if (command.kind === "get") return view.get(command.key, now);
    return rules.isPlain(command) ? view.getPlain(command.key, now) : undefined;
  }
}

export function hasWrite(batch: readonly ItemCommand[]): boolean {
  for (let i = 0; i < batch.length; i++) if (isWrite(batch[i] as ItemCommand)) return true;
  return false;
}
