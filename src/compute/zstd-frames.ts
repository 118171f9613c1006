// The frames of zstd data, walked through without decoding them: the decoder of the runtime ends in silence where data is cut off.

import { Fault } from "../wire/faults.ts";

/** What is to be looked at next; `magic` also is where the data may end. */
type Part = "magic" | "descriptor" | "skippable" | "block";

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const LENGTHS: Readonly<Record<Part, number>> = { magic: 4, descriptor: 1, skippable: 4, block: 3 };
const DICTIONARY_ID = [0, 1, 2, 4];
const CONTENT_SIZE = [0, 2, 4, 8];
const RLE = 1;
const RESERVED = 3;

/**
 * Passes `source` on as it is, and throws Fault `corrupt` where it ends within a frame, or something else than a frame begins
 * (RFC 8878 §3). It costs some operations for each block of up to 128 KiB.
 */
export async function* wholeFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new Frames();
  for await (const piece of source) {
    frames.take(piece);
    yield piece;
  }
  frames.end();
}

class Frames {
  #part: Part = "magic";
  /** The bytes of the part, which may come in pieces, little endian. */
  #value = 0;
  #have = 0;
  /** Bytes that are passed over before the part. */
  #skip = 0;
  #checksum = 0;

  take(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      const skipped = Math.min(this.#skip, piece.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip > 0 || at === piece.length) return;
      this.#value += (piece[at++] ?? 0) * 256 ** this.#have++;
      if (this.#have === LENGTHS[this.#part]) this.#next();
    }
  }

  end(): void {
    if (this.#skip === 0 && this.#have === 0 && this.#part === "magic") return;
    throw new Fault("corrupt", "the zstd data is damaged: unexpected end of file");
  }

  #next(): void {
    const value = this.#value;
    this.#value = 0;
    this.#have = 0;
    if (this.#part === "magic") this.#part = partBehind(value);
    else if (this.#part === "descriptor") this.#begin(value);
    else if (this.#part === "skippable") this.#expect("magic", value);
    else this.#block(value);
  }

  /** The rest of the frame's header holds nothing that its length depends on. */
  #begin(descriptor: number): void {
    const single = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >> 6;
    const size = sizeFlag === 0 && single ? 1 : (CONTENT_SIZE[sizeFlag] ?? 0);
    this.#checksum = (descriptor & 0x04) !== 0 ? 4 : 0;
    this.#expect("block", (single ? 0 : 1) + (DICTIONARY_ID[descriptor & 0x03] ?? 0) + size);
  }

  #block(header: number): void {
    const type = (header >> 1) & 0x03;
    if (type === RESERVED) throw new Fault("corrupt", "the zstd data is damaged: a block of no known type");
    const content = type === RLE ? 1 : header >> 3;
    const isLast = (header & 1) === 1;
    this.#expect(isLast ? "magic" : "block", content + (isLast ? this.#checksum : 0));
  }

  #expect(part: Part, skip: number): void {
    this.#part = part;
    this.#skip = skip;
  }
}

function partBehind(magic: number): Part {
  if (magic === FRAME) return "descriptor";
  if (magic - (magic % 16) === SKIPPABLE) return "skippable";
  throw new Fault("corrupt", "the zstd data is damaged: something that is no frame follows");
}
