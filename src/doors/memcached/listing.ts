// All keys, page by page: what `lru_crawler metadump`, `mgdump` and `stats cachedump` answer.

import { itemSize } from "../../domain/kv/limits.ts";
import { BINARY_KEY } from "../../domain/kv/state.ts";
import type { KeyHead, Kv } from "../../ports/kv.ts";
import { encodeKey } from "../../wire/key-codec.ts";
import type { ListCommand } from "../../wire/memcached/commands.ts";

/** Some 60 kB of lines; the next page is read when these were sent. */
const PAGE = 500;

const LAST = { metadump: "END\r\n", mgdump: "EN\r\n", cachedump: "END\r\n" } as const;
/** memcached ends the lines of a metadump, but the last, so. */
const LINE_END = { metadump: "\n", mgdump: "\r\n", cachedump: "\r\n" } as const;

/** One listing of one connection. Holds one page, however many keys there are. */
export class Listing {
  readonly #kv: Pick<Kv, "scan">;
  readonly #style: ListCommand["style"];
  /** How many keys are still wanted. */
  #left: number;
  #after: string | undefined;
  #done = false;

  constructor(kv: Pick<Kv, "scan">, { style, limit }: ListCommand) {
    this.#kv = kv;
    this.#style = style;
    this.#left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  get done(): boolean {
    return this.#done;
  }

  /** The next lines, in Latin-1; with the last ones it is `done`. */
  async next(): Promise<string> {
    const after = this.#after === undefined ? {} : { after: this.#after };
    const { keys, next } = await this.#kv.scan({ prefix: "", limit: Math.min(PAGE, this.#left), ...after });
    this.#left -= keys.length;
    this.#after = next ?? undefined;
    this.#done = next === null || this.#left === 0;
    const lines = keys.map((head) => lineOf(this.#style, head) + LINE_END[this.#style]);
    return lines.join("") + (this.#done ? LAST[this.#style] : "");
  }
}

function lineOf(style: ListCommand["style"], head: KeyHead): string {
  const { key, flags, exptime, accessed, cas, fetched, size, state } = head;
  const expires = Math.floor(exptime / 1_000);
  const binary = (state & BINARY_KEY) !== 0;
  switch (style) {
    case "metadump": {
      const la = Math.floor(accessed / 1_000);
      const bytes = itemSize(key.length, size, flags);
      return (
        `key=${encodeKey(key)} exp=${exptime === 0 ? -1 : expires} la=${la} cas=${cas} ` +
        `fetch=${fetched ? "yes" : "no"} cls=1 size=${bytes}`
      );
    }
    case "mgdump":
      return binary ? `mg ${base64(key)} b` : `mg ${key}`;
    case "cachedump":
      // A key that was given in base64 may hold line ends.
      return `ITEM ${binary ? base64(key) : key} [${size} b; ${expires} s]`;
  }
}

function base64(key: string): string {
  return Buffer.from(key, "latin1").toString("base64");
}
