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
  const bytes = Buffer.from(String(name));
  if (name === "" || bytes.length > NAME_BYTES_MAX || bytes.toString() !== name) {
    throw new Fault("invalid", `${JSON.stringify(String(name).slice(0, 100))} cannot be the name of a file`, {
      hint: `A name is well-formed text of 1 to ${NAME_BYTES_MAX} bytes.`,
    });
  }
  const plain = `${prefix}:file:${name}`;
  return isPlainKey(plain) ? plain : `${prefix}:file#${createHash("sha256").update(bytes).digest("hex")}`;
}

export function isManifestKey(prefix: string, key: string): boolean {
  return key.startsWith(`${prefix}:file:`) || key.startsWith(`${prefix}:file#`);
}

/** Chunks of different versions never share a key, so versions never mix. `slot`: `0`, `1`, …, of parity chunks `p0`, `p1`, … */
export function chunkKey(prefix: string, version: string, slot: string): string {
  return `${prefix}:chunk:${version}:${slot}`;
}

/** A part of the table of a manifest that does not fit in one item. */
export function partKey(prefix: string, version: string, part: number): string {
  return chunkKey(prefix, version, `m${part}`);
}

/** The version that a chunk, parity chunk or part belongs to; undefined for other keys. */
export function versionOf(prefix: string, key: string): string | undefined {
  const head = `${prefix}:chunk:`;
  if (!key.startsWith(head)) return undefined;
  return /^([0-9a-f]{32}):/.exec(key.slice(head.length))?.[1];
}

/** Copies of a file's manifest have keys that begin with it. */
export function copyBase(prefix: string, name: string): string {
  return `${prefix}:copy:${createHash("sha256").update(name).digest("hex")}`;
}

export function isCopyKey(prefix: string, key: string): boolean {
  return key.startsWith(`${prefix}:copy:`);
}

export function copyName(base: string, copy: number, salt: string): string {
  return `${base}.${copy}${salt === "" ? "" : `.${salt}`}`;
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
