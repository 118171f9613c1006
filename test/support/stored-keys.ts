// Keys put into a store by the commands that a memcached client would send.

import type { Kv } from "../../src/ports/kv.ts";

/** `key`: one character per byte. */
export async function storeKey(kv: Kv, key: string, value: string | Uint8Array, flags = 0): Promise<void> {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const [reply] = await kv.execute([
    { kind: "set", key, flags, exptime: 0, value: bytes, cas: 0, noreply: false },
  ]);
  if (reply !== "stored") throw new Error(`${key} was not stored: ${JSON.stringify(reply)}`);
}

/** `count` keys `<prefix>000000` and on, each with its number as its value. */
export async function storeMany(kv: Kv, prefix: string, count: number): Promise<void> {
  const digits = String(count - 1).length;
  for (let start = 0; start < count; start += 1000) {
    const numbers = Array.from({ length: Math.min(1000, count - start) }, (_, index) => start + index);
    await kv.execute(
      numbers.map((number) => ({
        kind: "set",
        key: prefix + String(number).padStart(digits, "0"),
        flags: 0,
        exptime: 0,
        value: new TextEncoder().encode(String(number)),
        cas: 0,
        noreply: false,
      })),
    );
  }
}
