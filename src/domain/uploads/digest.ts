// The SHA-256 of an upload, computed as its bytes arrive as long as they come in order: here for small ones, by the store for large.

import type { UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { prefixEnd } from "./coverage.ts";
import { isPart, isWhole } from "./upload-state.ts";

/** Bytes that are hashed on the serving thread at most, in steps of a millisecond; of more, the store is asked for the digest. */
export const LARGE = 8 * 1_048_576;
/** Up to this size the digest is computed at the end, from bytes read back. */
export const SMALL = 65_536;

interface Followed {
  readonly record: UploadRecord;
  readonly digest: RunningDigest | undefined;
}

/** A run over bytes of the upload that come from `offset` on, if they are to be hashed here and now. */
export function followUpload({ record, digest }: Followed, offset: number): DigestRun | undefined {
  const isFollowed = record.size !== null && record.size > SMALL && record.size <= LARGE && !isPart(record);
  return isFollowed ? digest?.follow(offset) : undefined;
}

/** Lets the store hash what a large upload has from its start, while the rest arrives. A part has no digest of its own. */
export function hashAhead(staging: Staging, upload: UploadRecord): void {
  if (upload.state !== "arriving" || isPart(upload) || isWhole(upload)) return;
  const end = prefixEnd(upload.coverage);
  if (end > LARGE) staging.hashAhead(upload.staging, end);
}

/** Follows the bytes from 0 on; writes that do not continue where it stands are left to be read back later. */
export class RunningDigest {
  /** Made when it is needed: small uploads are hashed at once. */
  #hasher: Bun.CryptoHasher | undefined;
  #position = 0;
  #isFollowed = false;

  /** Bytes hashed so far, all from the start. */
  get position(): number {
    return this.#position;
  }

  /** A run over bytes from `offset` on, or undefined when they do not continue the digest. */
  follow(offset: number): DigestRun | undefined {
    if (offset !== this.#position || this.#isFollowed) return undefined;
    this.#isFollowed = true;
    const hasher = this.#continued();
    let length = 0;
    return {
      update: (piece) => {
        hasher.update(piece);
        length += piece.length;
      },
      end: (durable) => {
        this.#isFollowed = false;
        // Only what the ledger lists counts: a run that was hashed but not kept is forgotten.
        if (durable !== length) return;
        this.#hasher = hasher;
        this.#position += length;
      },
    };
  }

  /** The digest in hexadecimal, after `rest`, the bytes from `position` on, is hashed too. */
  async finish(rest: AsyncIterable<Uint8Array>): Promise<string> {
    const hasher = this.#continued();
    for await (const piece of rest) {
      for (let start = 0; start < piece.length; start += STEP) {
        hasher.update(piece.subarray(start, start + STEP));
        // Other requests get their turn: hashing one step takes less than a millisecond.
        if (piece.length > STEP) await nextTurn();
      }
    }
    return hasher.digest("hex");
  }

  /** One that has hashed as much, and goes its own way. */
  #continued(): Bun.CryptoHasher {
    return this.#hasher?.copy() ?? new Bun.CryptoHasher("sha256");
  }
}

export interface DigestRun {
  update(piece: Uint8Array): void;
  /** `durable`: the bytes of this run that are on disk and in the ledger; 0 if none. */
  end(durable: number): void;
}

const STEP = 1_048_576;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
