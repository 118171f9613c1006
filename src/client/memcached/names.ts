// From a file's name to the keys of its manifest and its chunks.

import { createHash, randomBytes } from "node:crypto";
import { Fault } from "../../wire/faults.ts";
import { isPlainKey } from "../../wire/memcached/client-requests.ts";

const NAME_BYTES_MAX = 65_536;
const PREFIX_BYTES_MAX = 100;

/**
 * `<prefix>:file:<name>` where that can be a key, else `<prefix>:file#<SHA-256 of the name>`; the manifest carries the
 * true name. Fault `invalid` for a name that is empty, no well-formed text, or longer than 65,536 bytes.
 */
export function manifestKey(prefix: string, name: string): string {
  const bytes = Buffer.from(name);
  if (name === "" || bytes.length > NAME_BYTES_MAX || bytes.toString() !== name) {
    throw new Fault("invalid", `${JSON.stringify(name.slice(0, 100))} cannot be the name of a file`, {
      hint: `A name is well-formed text of 1 to ${NAME_BYTES_MAX} bytes.`,
    });
  }
  const plain = `${prefix}:file:${name}`;
  return isPlainKey(plain) ? plain : `${prefix}:file#${createHash("sha256").update(bytes).digest("hex")}`;
}

export function isManifestKey(prefix: string, key: string): boolean {
  return key.startsWith(`${prefix}:file:`) || key.startsWith(`${prefix}:file#`);
}

/** Chunks of different versions never share a key, so versions never mix. */
export function chunkKey(prefix: string, version: string, index: number): string {
  return `${prefix}:chunk:${version}:${index}`;
}

export function chunkKeys(prefix: string, version: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => chunkKey(prefix, version, index));
}

/** 128 random bits as 32 hexadecimal digits. */
export function newVersion(): string {
  return randomBytes(16).toString("hex");
}

/** Fault `invalid` unless it can begin a key: up to 100 printable ASCII characters, no space. */
export function checkPrefix(prefix: string): string {
  if (isPlainKey(prefix) && prefix.length <= PREFIX_BYTES_MAX) return prefix;
  throw new Fault("invalid", `${JSON.stringify(prefix)} cannot be the prefix of keys`, {
    hint: `A prefix is 1 to ${PREFIX_BYTES_MAX} printable ASCII characters without spaces.`,
  });
}
