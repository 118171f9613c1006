// The memcached text protocol as a client writes it: one function per request line.

/** Stock memcached refuses longer keys, and command lines over 2,048 bytes other than `get` and `gets`. */
export const KEY_BYTES_MAX = 250;

export interface StorageRequest {
  readonly command: "set" | "add" | "cas";
  /** Printable ASCII without spaces, at most KEY_BYTES_MAX (see isPlainKey). */
  readonly key: string;
  /** As on the wire: 0 never, up to 30 days relative seconds, above that seconds since 1970. */
  readonly exptime: number;
  /** Of the value that follows the line. */
  readonly bytes: number;
  /** For `cas` only: the token of the version that may be overwritten. */
  readonly cas?: string;
}

/** The line before the value; after the value comes CRLF. */
export function storageLine({ command, key, exptime, bytes, cas }: StorageRequest): string {
  return `${command} ${key} 0 ${exptime} ${bytes}${cas === undefined ? "" : ` ${cas}`}\r\n`;
}

/** One line for many keys: `get` and `gets` may be of any length. */
export function getLine(command: "get" | "gets", keys: readonly string[]): string {
  return `${command} ${keys.join(" ")}\r\n`;
}

export function deleteLine(key: string): string {
  return `delete ${key}\r\n`;
}

export function touchLine(key: string, exptime: number): string {
  return `touch ${key} ${exptime}\r\n`;
}

/** Asks whether the key is there, without its value: `HD` or `EN`; `ERROR` from a server without meta commands. */
export function metaExistsLine(key: string): string {
  return `mg ${key}\r\n`;
}

/** Deletes that version only: `HD`, `EX` (it is another one by now) or `NF`. */
export function metaDeleteLine(key: string, cas: string): string {
  return `md ${key} C${cas}\r\n`;
}

export const STATS = "stats\r\n";
export const STATS_SETTINGS = "stats settings\r\n";

/**
 * Every key of the server, a line each, then `END`. `hash` walks the table and misses none; `all` walks the lists of recent use, and
 * misses keys that move in them meanwhile (seen on 1.6.18), but older servers know only that.
 */
export function metadumpLine(walk: "hash" | "all"): string {
  return `lru_crawler metadump ${walk}\r\n`;
}

/** True when the text can be a key as it is: 1 to 250 printable ASCII characters, no space. */
export function isPlainKey(text: string): boolean {
  return text.length <= KEY_BYTES_MAX && /^[!-~]+$/.test(text);
}
