// Who may use the doors: the users and password hashes of an auth file.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { isPasswordHash, verifyPassword } from "../../compute/password-hash.ts";
import { Fault } from "../../wire/faults.ts";

/** Each check takes 16 MiB and a thread for 50 ms: who tries passwords must not keep the disk's threads from us. */
const MOST_CHECKS = 2;
/** More than so many that wait for their check are told to come again: they cost memory, and would wait for seconds. */
const MOST_WAITING = 64;
/** For users that there are not: their check shall take as long. */
const NOBODY = `scrypt$16384$8$1$${"A".repeat(22)}$${"A".repeat(43)}`;

/** Replaced as a whole when the file is read again. */
export class Credentials {
  readonly #hashes: ReadonlyMap<string, string>;
  /** Of each user the password that was right, under a key that dies with the process: the next connection is let in at once. */
  readonly #known = new Map<string, Buffer>();
  readonly #secret = randomBytes(32);
  #checking = 0;
  readonly #queue: (() => void)[] = [];

  /** `text`: lines of `user:hash` as `cairn password` prints them; empty lines and those with `#` are left out. Fault `invalid`. */
  static parse(text: string, name: string): Credentials {
    const hashes = new Map<string, string>();
    for (const [i, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === "" || line.startsWith("#")) continue;
      const colon = line.indexOf(":");
      const [user, hash] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      if (colon < 1 || !isPasswordHash(hash)) {
        throw new Fault("invalid", `line ${i + 1} of ${name} is not user:hash`, {
          hint: "Let 'cairn password USER' print the line.",
        });
      }
      hashes.set(user, hash);
    }
    if (hashes.size === 0) {
      throw new Fault("invalid", `${name} names no user, so nobody could be let in`, {
        hint: "Add a line that 'cairn password USER' prints.",
      });
    }
    return new Credentials(hashes);
  }

  private constructor(hashes: ReadonlyMap<string, string>) {
    this.#hashes = hashes;
  }

  /** Both with a character for each byte. Fault `busy` when too many others are being checked. */
  async verify(user: string, password: string): Promise<boolean> {
    const digest = createHmac("sha256", this.#secret).update(`${user} ${password}`, "latin1").digest();
    const known = this.#known.get(user);
    if (known && timingSafeEqual(known, digest)) return true;
    await this.#turn();
    try {
      const right = await verifyPassword(password, this.#hashes.get(user) ?? NOBODY);
      if (right && this.#hashes.has(user)) this.#known.set(user, digest);
      return right && this.#hashes.has(user);
    } finally {
      this.#checking--;
      this.#queue.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#queue.length >= MOST_WAITING) {
      throw new Fault("busy", "too many passwords are being checked", {
        hint: "Try again in a few seconds.",
      });
    }
    while (this.#checking >= MOST_CHECKS) {
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
      });
    }
    this.#checking++;
  }
}
