// The SHA-256 of one file, computed while its bytes pass.

import { createHash } from "node:crypto";

/** The digest of one file under way. */
export interface Digest {
  /** These bytes follow those before; they are the caller's again when it resolves. One call at a time. */
  add(bytes: Uint8Array): Promise<void>;
  /** Once, at the end: in hexadecimal digits. */
  finish(): Promise<string>;
  /** It will not be finished. After finish() it does nothing. */
  drop(): void;
}

/** By the calling thread, at once. */
export class CallingDigest implements Digest {
  readonly #hash = createHash("sha256");

  async add(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
  }

  async finish(): Promise<string> {
    return this.#hash.digest("hex");
  }

  drop(): void {
    // It goes with its memory.
  }
}
