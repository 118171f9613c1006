// A stream that can be stopped: at once, without keeping what has passed.

import { expect, test } from "bun:test";
import { abortable } from "../../src/wire/abortable.ts";

test("passes all pieces on and stops with the signal's reason, also while the source hangs", async () => {
  const abort = new AbortController();
  const reason = new Error("stop");
  async function* source() {
    yield Buffer.from("a");
    yield Buffer.from("b");
    queueMicrotask(() => abort.abort(reason));
    await new Promise(() => undefined);
  }
  const pieces: string[] = [];
  const reading = (async () => {
    for await (const piece of abortable(source(), abort.signal)) pieces.push(String(piece));
  })();
  expect(await reading.catch((error) => error)).toBe(reason);
  expect(pieces).toEqual(["a", "b"]);
});

test("ends the source when the reader stops early", async () => {
  let isEnded = false;
  async function* source() {
    try {
      for (;;) yield Buffer.from("x");
    } finally {
      isEnded = true;
    }
  }
  for await (const _ of abortable(source(), new AbortController().signal)) break;
  await Promise.resolve();
  expect(isEnded).toBe(true);
});

test("keeps no piece that has passed", async () => {
  let collected = 0;
  const registry = new FinalizationRegistry(() => {
    collected++;
  });
  async function* source() {
    for (let i = 0; i < 2000; i++) {
      const piece = new Uint8Array(65_536);
      registry.register(piece, i);
      yield piece;
      if (i % 200 === 199) {
        // Finalizers run between turns.
        await new Promise((resolve) => setImmediate(resolve));
        Bun.gc(true);
      }
    }
  }
  for await (const _ of abortable(source(), new AbortController().signal));
  await new Promise((resolve) => setImmediate(resolve));
  Bun.gc(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(collected).toBeGreaterThan(1000);
});
