// What the store answered, or that it could not, as lines in the order of the commands.
//
// Written for speed: a reply costs no allocation here.

import { isFault } from "../../wire/faults.ts";
import { type ItemCommand, isSilent } from "../../wire/memcached/commands.ts";
import type { Reply } from "../../wire/memcached/replies.ts";
import type { DoorContext } from "./context.ts";
import { REFUSALS } from "./refusals.ts";

export class Answers {
  readonly #door: DoorContext;
  /** A value of the command that is being answered cannot be read: this line ends the answer, of a `get` in the place of `END`. */
  #failure: string | undefined;

  constructor(door: DoorContext) {
    this.#door = door;
  }

  /** `replies` to the first commands of `run`; into the door's buffer. */
  write(run: readonly ItemCommand[], replies: readonly Reply[]): void {
    for (let i = 0; i < replies.length; i++) this.#answer(run[i] as ItemCommand, replies[i] as Reply);
  }

  /** Nothing of `run` was done. */
  refuse(run: readonly ItemCommand[], error: unknown): void {
    const { figures, out } = this.#door;
    const line = this.#report(error, run.length);
    for (const command of run) {
      figures.countFailure();
      if (isSilent(command)) continue;
      out.line(line);
      this.#failure = undefined;
    }
  }

  #answer(command: ItemCommand, reply: Reply): void {
    const { figures, out } = this.#door;
    try {
      out.reply(this.#failure === undefined ? command : withoutEnd(command), reply);
      figures.count(command, reply);
    } catch (error) {
      if (!isFault(error)) throw error;
      figures.countFailure();
      this.#failure = this.#report(error, 1);
    }
    if (this.#failure === undefined || isSilent(command)) return;
    out.line(this.#failure);
    this.#failure = undefined;
  }

  #report(error: unknown, commands: number): string {
    return REFUSALS[this.#door.failures.report(error, commands)];
  }
}

function withoutEnd(command: ItemCommand): ItemCommand {
  return "last" in command ? { ...command, last: false } : command;
}
