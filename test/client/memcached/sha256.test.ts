// Digests on the thread are those of the bytes, however they come, however many run at once, and when some are dropped or paused.

import { afterAll, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { HashThread, type Sha256 } from "../../../src/client/memcached/sha256.ts";

const LARGE = 16_777_216;
const thread = new HashThread(true);
afterAll(() => thread.close());

const expected = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function feed(hash: Sha256, bytes: Uint8Array, size: number): Promise<void> {
  const piece = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = piece.subarray(0, Math.min(size, bytes.length - at));
    part.set(bytes.subarray(at, at + size));
    await hash.update(part);
    // It was taken: what the caller does with its memory is no matter.
    piece.fill(0);
  }
}

test.each([1_000, 262_144, 510_000, 3_000_000])("in pieces of %i bytes", async (size) => {
  const bytes = randomBytes(3_333_333);
  const hash = thread.begin(LARGE);
  await feed(hash, bytes, size);
  expect(await hash.digest()).toBe(expected(bytes));
});

test("nothing at all, and small ones on the calling thread", async () => {
  expect(await thread.begin(LARGE).digest()).toBe(expected(new Uint8Array(0)));
  const hash = thread.begin(10);
  expect(hash.update(new Uint8Array(10))).toBeUndefined();
  expect(await hash.digest()).toBe(expected(new Uint8Array(10)));
});

test("twenty at once, of which some are dropped and some pause for ever", async () => {
  const paused = [thread.begin(LARGE), thread.begin(LARGE)];
  for (const hash of paused) await hash.update(new Uint8Array(100));
  const digests = Array.from({ length: 20 }, async (_, i) => {
    const bytes = randomBytes(1_000_000 + i);
    const hash = thread.begin(LARGE);
    await feed(hash, bytes, 100_000);
    if (i % 3 === 0) return hash.drop();
    expect(await hash.digest()).toBe(expected(bytes));
    hash.drop();
  });
  await Promise.all(digests);
  for (const hash of paused) hash.drop();
  const bytes = randomBytes(5_000_000);
  const last = thread.begin(LARGE);
  await feed(last, bytes, 510_000);
  expect(await last.digest()).toBe(expected(bytes));
});

test("closing fails what is under way, and nothing waits for ever", async () => {
  const closed = new HashThread(true);
  const hash = closed.begin(LARGE);
  await hash.update(new Uint8Array(300_000));
  const digest = hash.digest();
  closed.close();
  await expect(digest).rejects.toThrow("were closed");
  await hash.update(new Uint8Array(9_000_000));
  const after = closed.begin(LARGE);
  await after.update(new Uint8Array(1));
  expect(await after.digest()).toBe(expected(new Uint8Array(1)));
});
