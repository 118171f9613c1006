// The flags of a connection's last meta get, known again by their bytes: a client sends the same ones again and again.
//
// Written for speed: to make a string of them and look it up takes 0.15 µs, to compare a few bytes 0.01.

import type { MetaFlags } from "./meta-flags.ts";

/** Of what follows the key. */
const LONGEST = 32;

export class LastFlags {
  readonly #text = new Uint8Array(LONGEST);
  #length = -1;
  #flags: Readonly<MetaFlags> | undefined;

  /** What they mean, if bytes `start` to `end` are the same as before. */
  match(bytes: Uint8Array, start: number, end: number): Readonly<MetaFlags> | undefined {
    if (end - start !== this.#length) return undefined;
    const text = this.#text;
    for (let i = 0; start + i < end; i++) if (bytes[start + i] !== text[i]) return undefined;
    return this.#flags;
  }

  /** Those of a key in base64 are not kept: with them the key is more than its bytes. */
  keep(bytes: Uint8Array, start: number, end: number, flags: Readonly<MetaFlags>): void {
    if (flags.binaryKey || end - start > LONGEST) return;
    this.#flags = flags;
    this.#length = end - start;
    for (let i = 0; start + i < end; i++) this.#text[i] = bytes[start + i] as number;
  }
}
