// The body of a request that carries an upload's bytes: its declared length, its bytes, its checksum.

import type { Append } from "../../../domain/uploads/append.ts";
import { CHECKSUMS, type Checksum, DIGEST_BYTES } from "../../../domain/uploads/checksum.ts";
import { Fault } from "../../../wire/faults.ts";
import { parseChecksum } from "../../../wire/tus.ts";
import { declaredLength } from "../body.ts";
import type { TusRequest } from "./answer.ts";

/** Declared length and bytes of the request's body, which nobody else reads. */
export function bodyOf(request: TusRequest): Pick<Append, "size" | "source" | "isGiven"> {
  const size = declaredLength(request);
  const body = { source: request.body ?? new Blob([]).stream(), isGiven: true };
  return size === undefined ? body : { size, ...body };
}

/** What Upload-Checksum declares of the body. Fault `invalid`. */
export function readChecksum(request: TusRequest): { checksum?: Checksum } {
  const header = request.headers.get("upload-checksum");
  if (header === null) return {};
  const { algorithm, digest } = parseChecksum(header);
  const known = CHECKSUMS.find((name) => name === algorithm);
  if (known === undefined) {
    throw new Fault("invalid", `the checksum ${JSON.stringify(algorithm.slice(0, 40))} is not known`, {
      hint: `Use one of ${CHECKSUMS.join(", ")}.`,
    });
  }
  if (digest.length === DIGEST_BYTES[known]) return { checksum: { algorithm: known, digest } };
  throw new Fault("invalid", `a ${known} digest has ${DIGEST_BYTES[known]} bytes, not ${digest.length}`);
}
