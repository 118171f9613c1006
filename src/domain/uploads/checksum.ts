// Checksums that a client declares of the bytes it sends: computed while they pass, compared at their end.

import { Fault } from "../../wire/faults.ts";
import { crc32c } from "./crc32c.ts";

export const CHECKSUMS = ["sha1", "sha256", "md5", "crc32", "crc32c"] as const;
export type ChecksumName = (typeof CHECKSUMS)[number];

export interface Checksum {
  readonly algorithm: ChecksumName;
  /** The digest's bytes; of a CRC the four bytes, the most significant first. */
  readonly digest: Uint8Array;
}

export interface ChecksumRun {
  update(piece: Uint8Array): void;
  digest(): Uint8Array;
}

/** Bytes of each algorithm's digest. */
export const DIGEST_BYTES = { sha1: 20, sha256: 32, md5: 16, crc32: 4, crc32c: 4 } as const satisfies Record<
  ChecksumName,
  number
>;

export function startChecksum(algorithm: ChecksumName): ChecksumRun {
  if (algorithm !== "crc32" && algorithm !== "crc32c") return new Bun.CryptoHasher(algorithm);
  const step = algorithm === "crc32" ? Bun.hash.crc32 : crc32c;
  let crc = 0;
  return {
    update: (piece) => {
      crc = step(piece, crc);
    },
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(crc >>> 0);
      return bytes;
    },
  };
}

/** Fault `checksum` with both values unless the run ends as declared. */
export function verifyChecksum(run: ChecksumRun, { algorithm, digest }: Checksum): void {
  const computed = Buffer.from(run.digest());
  if (computed.equals(digest)) return;
  const [declared, found] = [Buffer.from(digest).toString("base64"), computed.toString("base64")];
  throw new Fault("checksum", `the declared ${algorithm} is ${declared}, but the bytes have ${found}`, {
    hint: "Nothing was changed: send the same bytes again.",
  });
}
