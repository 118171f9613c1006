// `append` and `prepend` where the result is large: it is copied into a file first, and no other command waits for that.

import type { JoinedValue, PendingReplies, Spool } from "../../../ports/kv.ts";
import { type Bytes, viewOf } from "../../../wire/memcached/bytes.ts";
import type { ItemCommand, KeyCommand } from "../../../wire/memcached/commands.ts";
import { isSpooled, type OpenValue, type Value } from "../../../wire/memcached/spooled.ts";
import type { Pending } from "./pending.ts";
import { ValueFile } from "./value-file.ts";
import type { Values } from "./values.ts";

const PIECE = 1_048_576;

interface Made {
  readonly of: JoinedValue;
  readonly spool: AsyncDisposable;
  readonly file: ValueFile;
}

/** A command, and the value that has to be made for it. */
export interface Unjoined {
  readonly command: KeyCommand;
  readonly value: JoinedValue;
}

/** A batch whose first command that is. */
interface Waiting extends Unjoined {
  readonly batch: Pending;
}

type Give = (batch: readonly ItemCommand[], budget: number) => PendingReplies;

export class Joins {
  readonly #values: Values;
  readonly #give: Give;
  readonly #made = new WeakMap<KeyCommand, Made>();
  /** By key those that wait until the one under way is stored: each would copy what the other is about to replace. */
  readonly #queues = new Map<string, Waiting[]>();
  #onIdle: (() => void)[] = [];

  /** `give`: carries a batch out again. */
  constructor(values: Values, give: Give) {
    this.#values = values;
    this.#give = give;
  }

  /** The file, if it was made of these very parts. */
  made({ command, value }: Unjoined): ValueFile | undefined {
    const made = this.#made.get(command);
    return made && sameParts(made.of, value) ? made.file : undefined;
  }

  /** In the turn in which the parts were found. */
  make(unjoined: Unjoined, batch: Pending): void {
    const waiting = { ...unjoined, batch };
    const { key } = waiting.command;
    const queue = this.#queues.get(key);
    // One that was made in vain, since the item was replaced meanwhile, is made again at once.
    if (queue && !this.#made.has(waiting.command)) {
      queue.push(waiting);
      return;
    }
    if (!queue) this.#queues.set(key, []);
    void this.#make(waiting);
  }

  /** Resolves when none is under way. */
  settled(): Promise<void> {
    if (this.#queues.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  async #make({ command, value, batch }: Waiting): Promise<void> {
    try {
      await this.#copy(command, value);
      this.#again(batch, () => void this.#end(command));
    } catch (error) {
      batch.refuse(error);
      await this.#end(command);
    }
  }

  async #copy(command: KeyCommand, value: JoinedValue): Promise<void> {
    using opened = new DisposableStack();
    const parts = value.parts.map((part) =>
      isSpooled(part) ? opened.adopt(part.open(), (open) => open.close()) : part,
    );
    await this.#drop(command);
    await using spools = new AsyncDisposableStack();
    const spool = spools.use(await this.#values.spool(value.length));
    for (const part of parts) await copyInto(spool, part);
    const file = await spool.finish();
    spools.move();
    this.#made.set(command, { of: value, spool, file });
  }

  #again(batch: Pending, ended: () => void): void {
    this.#give(batch.batch, batch.budget).then(
      (replies) => {
        ended();
        batch.answer(replies);
      },
      (fault) => {
        ended();
        batch.refuse(fault);
      },
    );
  }

  /** The batch was answered: the next for its key goes on. */
  async #end(command: KeyCommand): Promise<void> {
    await this.#drop(command);
    const queue = this.#queues.get(command.key) ?? [];
    this.#queues.delete(command.key);
    // They are decided on anew: by now there may be no item to append to.
    for (const { batch } of queue) this.#again(batch, () => undefined);
    if (this.#queues.size > 0) return;
    for (const resolve of this.#onIdle) resolve();
    this.#onIdle = [];
  }

  async #drop(command: KeyCommand): Promise<void> {
    const made = this.#made.get(command);
    this.#made.delete(command);
    await made?.spool[Symbol.asyncDispose]();
  }
}

async function copyInto(spool: Spool, part: Bytes | OpenValue): Promise<void> {
  if (!("read" in part)) {
    await spool.write([viewOf(part)]);
    return;
  }
  const buffer = new Uint8Array(Math.min(PIECE, part.length));
  for (let at = 0; at < part.length; ) {
    const read = await part.read(at, buffer);
    await spool.write([buffer.subarray(0, read)]);
    at += read;
  }
}

function sameParts(one: JoinedValue, other: JoinedValue): boolean {
  return one.parts.every((part, i) => isSame(part, other.parts[i] as Value));
}

function isSame(one: Value, other: Value): boolean {
  if (one instanceof ValueFile) return other instanceof ValueFile && one.name === other.name;
  return !isSpooled(one) && !isSpooled(other) && Buffer.compare(viewOf(one), viewOf(other)) === 0;
}
