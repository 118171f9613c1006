// CRC-32 (the one of zlib, PNG and Ethernet): the runtime's own, or a table where Node is older than 20.15.

import * as zlib from "node:zlib";

const native: typeof zlib.crc32 | undefined = zlib.crc32;

/** An unsigned 32-bit number. */
export const crc32: (bytes: Uint8Array) => number = native ? (bytes) => native(bytes) : tableCrc32;

/** The same, byte by byte: for runtimes without one of their own. */
export function tableCrc32(bytes: Uint8Array): number {
  TABLE ??= makeTable();
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[i] ?? 0)) & 255] ?? 0);
  }
  return ~crc >>> 0;
}

let TABLE: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
    return value >>> 0;
  });
}
