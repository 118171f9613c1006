// Carries out the commands of a group in memory: what the rules decide becomes changes of the group.

import type { Put, Rules } from "../../../ports/kv.ts";
import type { ItemCommand, KeyCommand } from "../../../wire/memcached/commands.ts";
import { type Reply, valueBytes } from "../../../wire/memcached/replies.ts";
import type { KvGroup } from "./group.ts";
import type { Joins, Unjoined } from "./joins.ts";
import type { KvView } from "./view.ts";

export interface ExecutionOptions {
  readonly group: KvGroup;
  readonly rules: Rules;
  readonly view: KvView;
  readonly joins: Joins;
}

export class Execution {
  readonly #options: ExecutionOptions;
  /** The command that the last batch did not go beyond: its value has to be made first. */
  deferred: Unjoined | undefined;

  constructor(options: ExecutionOptions) {
    this.#options = options;
  }

  /** Fewer replies than commands when the values found exceed the budget, or one was deferred. */
  carryOutAll(batch: readonly ItemCommand[], budget: number, now: number): Reply[] {
    const replies: Reply[] = [];
    let found = 0;
    this.deferred = undefined;
    for (let i = 0; i < batch.length && found <= budget; i++) {
      const command = batch[i] as ItemCommand;
      const reply = command.kind === "flush" ? this.#flush(command.delay, now) : this.#carryOut(command, now);
      if (reply === undefined) break;
      replies.push(reply);
      found += valueBytes(reply);
    }
    return replies;
  }

  /** undefined: deferred. */
  #carryOut(command: KeyCommand, now: number): Reply | undefined {
    const { rules, group } = this.#options;
    const { key } = command;
    const item = rules.needsItem(command)
      ? group.find(key, rules.needsValue(command) ? "copy" : "head")
      : undefined;
    const { reply, change, fetch } = rules.decide(command, item, now, group.counters.cas + 1);
    if (change?.kind === "put" && isJoined(change)) return this.#join(command, change, reply, now);
    if (change) group.apply(key, change, now);
    if (fetch && change?.kind !== "remove") group.fetch(key, now);
    return reply;
  }

  #join(command: KeyCommand, put: JoinedPut, reply: Reply, now: number): Reply | undefined {
    const unjoined = { command, value: put.value };
    const file = this.#options.joins.made(unjoined);
    if (file) {
      this.#options.group.apply(command.key, { ...put, value: file }, now);
      return reply;
    }
    this.deferred = unjoined;
    return undefined;
  }

  #flush(delay: number, now: number): Reply {
    const { group, rules } = this.#options;
    const at = rules.flushAt(delay, now);
    if (at <= now) group.flush();
    else group.flushAt(at);
    return "ok";
  }
}

type JoinedPut = Put & { readonly value: Unjoined["value"] };

function isJoined(put: Put): put is JoinedPut {
  return "parts" in put.value;
}
