// The bytes of a value, whether it came as bytes or as a handle.

import { viewOf } from "../../src/wire/memcached/bytes.ts";
import { isSpooled, type Value } from "../../src/wire/memcached/spooled.ts";

/** Undefined gives no bytes. */
export async function bytesOf(value: Value | undefined): Promise<Buffer> {
  if (value === undefined) return Buffer.alloc(0);
  if (!isSpooled(value)) return Buffer.from(viewOf(value));
  const open = value.open();
  try {
    const bytes = Buffer.alloc(open.length);
    for (let at = 0; at < bytes.length; ) at += await open.read(at, bytes.subarray(at));
    return bytes;
  } finally {
    open.close();
  }
}

/** Of a value that cannot be spooled where this is asked. */
export function plainBytes(value: Value | undefined): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  if (isSpooled(value)) throw new Error("the value is spooled");
  return Buffer.from(viewOf(value));
}
