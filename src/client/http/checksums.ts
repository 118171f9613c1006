// The checksum of one chunk, in the words of tus, by WebCrypto where there is one.

import { type Hash, sha256 } from "./sha256.ts";

/** In the order of our liking; WebCrypto's name of each. */
const KNOWN = [
  ["sha256", "SHA-256"],
  ["sha1", "SHA-1"],
] as const;

/** Makes `Upload-Checksum` of a chunk; undefined when the server offers none that can be computed here. */
export function checksumMaker(
  offered: readonly string[],
): ((bytes: Uint8Array<ArrayBuffer>) => Promise<string>) | undefined {
  // Pages that came by plain http have no WebCrypto.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  const found = KNOWN.find(([name]) => offered.includes(name) && (subtle !== undefined || name === "sha256"));
  if (!found) return undefined;
  const [name, algorithm] = found;
  return async (bytes) => {
    const digest = subtle ? new Uint8Array(await subtle.digest(algorithm, bytes)) : plain(sha256(), bytes);
    return `${name} ${btoa(String.fromCharCode(...digest))}`;
  };
}

function plain(hash: Hash, bytes: Uint8Array): Uint8Array {
  hash.update(bytes);
  return Uint8Array.from(hash.hex().match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
