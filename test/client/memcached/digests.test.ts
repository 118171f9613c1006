// Digests by a thread are those of the calling one, however the bytes are cut, and nothing waits for a thread that has ended.

import { afterEach, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { Digests } from "../../../src/client/memcached/digests.ts";
import { HashThread } from "../../../src/client/memcached/hash-thread.ts";
import { isFault } from "../../../src/wire/faults.ts";
import { failureOf } from "../../support/failure.ts";

const threads: HashThread[] = [];
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
});

function started(): HashThread {
  const thread = HashThread.start();
  if (!thread) throw new Error("no thread can be started here");
  threads.push(thread);
  return thread;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await failureOf(promise);
  return isFault(error) ? error.code : String(error);
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("of bytes cut anywhere, pieces larger than a slot among them", async () => {
  const thread = started();
  const bytes = randomBytes(3_000_000);
  const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const digest = thread.begin();
      const edges = [0, ...places.sort((a, b) => a - b), bytes.length];
      for (const [i, end] of edges.entries()) await digest.add(bytes.subarray(edges[i - 1] ?? 0, end));
      expect(await digest.finish()).toBe(sha256(bytes));
    }),
    { numRuns: 30 },
  );
});

test("the bytes may be overwritten once they were taken, and digests side by side do not mix", async () => {
  const thread = started();
  const one = async (seed: number) => {
    const digest = thread.begin();
    const expected = createHash("sha256");
    const bytes = Buffer.alloc(700_000);
    for (let i = 0; i < 20; i++) {
      bytes.fill(seed + i);
      expected.update(bytes);
      await digest.add(bytes);
    }
    expect(await digest.finish()).toBe(expected.digest("hex"));
  };
  const dropped = thread.begin();
  await dropped.add(randomBytes(100_000));
  dropped.drop();
  await Promise.all([1, 50, 100, 150, 200].map(one));
  expect(await thread.begin().finish()).toBe(sha256(new Uint8Array(0)));
});

test("a closed thread fails what waits for it, and what comes after", async () => {
  const thread = started();
  const digest = thread.begin();
  const bytes = randomBytes(5_000_000);
  // More than there are slots: it waits for the thread while that is closed.
  const adding = codeOf(digest.add(bytes));
  const closing = thread.close();
  expect(await adding).toBe("invalid");
  await closing;
  expect(await codeOf(digest.add(bytes))).toBe("invalid");
  expect(await codeOf(digest.finish())).toBe("invalid");
  expect(thread.usable).toBe(false);
});

test("files of every size, and of unknown size, get the same digest, by a thread or not", async () => {
  const digests = new Digests();
  const bytes = randomBytes(1_000_000);
  for (const size of [undefined, 0, 1_000_000, 2 ** 40]) {
    const digest = digests.begin(size);
    await digest.add(bytes);
    expect(await digest.finish()).toBe(sha256(bytes));
    digest.drop();
  }
  const underWay = digests.begin(2 ** 40);
  await underWay.add(bytes);
  await digests.close();
  expect(await codeOf(underWay.finish())).toBe("invalid");
  // Who goes on after closing fails by the connections; a digest is no reason to start a thread again.
  expect(await digests.begin(2 ** 40).finish()).toBe(sha256(new Uint8Array(0)));
});

test("where no thread can be started, it is tried once, and the calling thread does the work", async () => {
  let tried = 0;
  const digests = new Digests(() => {
    tried++;
    return undefined;
  });
  const bytes = randomBytes(100_000);
  for (let file = 0; file < 3; file++) {
    const digest = digests.begin(2 ** 40);
    await digest.add(bytes);
    expect(await digest.finish()).toBe(sha256(bytes));
  }
  expect(tried).toBe(1);
});

test("a single large file starts no thread, the second one does, and one that ended is followed by another", async () => {
  const begun: HashThread[] = [];
  const digests = new Digests(() => {
    const thread = started();
    begun.push(thread);
    return thread;
  });
  const large = 8_000_000;
  digests.begin(1_000);
  digests.begin(large);
  expect(begun.length).toBe(0);
  digests.begin(large);
  expect(begun.length).toBe(1);
  digests.begin(large);
  expect(begun.length).toBe(1);
  await begun[0]?.close();
  digests.begin(large);
  expect(begun.length).toBe(2);
});
