// A value that is too large for memory, on its way from a connection into the store: read only as fast as it is written.

import type { Kv, Spool } from "../../ports/kv.ts";
import { type StoreHead, storeCommand } from "../../wire/memcached/commands.ts";
import type { Reply } from "../../wire/memcached/replies.ts";
import type { Inbox } from "./inbox.ts";

const LINE_END = "\r\n";

export class Incoming {
  readonly #kv: Pick<Kv, "execute" | "spool">;
  readonly #head: StoreHead;
  readonly #inbox: Inbox;
  /** Of the block and its line end. */
  #left: number;
  #lineEnd = "";
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(kv: Pick<Kv, "execute" | "spool">, head: StoreHead, inbox: Inbox) {
    this.#kv = kv;
    this.#head = head;
    this.#inbox = inbox;
    this.#left = head.bytes + LINE_END.length;
  }

  /** It waits for the client. */
  get isStarved(): boolean {
    return this.#wake !== undefined;
  }

  /** Something came into the inbox. */
  arrived(): void {
    this.#wake?.();
  }

  /** Nothing more will. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /**
   * Resolves or rejects when the whole block was received, or never will be; then nothing of it is left behind but a stored
   * item. `bad-block`: it did not end where it should. `cut`: the connection ended before it did.
   */
  async store(): Promise<readonly Reply[]> {
    try {
      await using spool = await this.#kv.spool(this.#head.bytes);
      if (!(await this.#fill(spool))) return ["cut"];
      if (this.#lineEnd !== LINE_END) return ["bad-block"];
      return await this.#kv.execute([storeCommand(this.#head, await spool.finish())]);
    } catch (error) {
      // The connection stays in step: what is refused is read to its end, as memcached does.
      while (this.#left > 0) if (!(await this.#next())) return ["cut"];
      throw error;
    }
  }

  async #fill(spool: Spool): Promise<boolean> {
    while (this.#left > 0) {
      const pieces = await this.#next();
      if (!pieces) return false;
      if (pieces.length > 0) await spool.write(pieces);
      for (const piece of pieces) free(piece);
    }
    return true;
  }

  /** What has arrived of the value, at least a byte of the block; undefined: it ended. */
  async #next(): Promise<readonly Uint8Array[] | undefined> {
    while (this.#inbox.isEmpty) {
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const inLineEnd = Math.min(this.#left, LINE_END.length);
    const pieces = this.#inbox.take(this.#left - inLineEnd);
    for (const piece of pieces) this.#left -= piece.length;
    if (this.#left <= LINE_END.length) {
      for (const piece of this.#inbox.take(this.#left)) {
        this.#left -= piece.length;
        this.#lineEnd += piece.toString("latin1");
      }
    }
    return pieces;
  }
}

/** A packet of which nobody has another part: the collector would let tens of MB of them lie (85 MB for a value of 1 GB). */
function free(piece: Uint8Array): void {
  const { buffer } = piece;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === piece.length) buffer.transfer(0);
}
