// What every adapter of blobs must do.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Blobs } from "../../src/ports/blobs.ts";
import { codeOf, readAll, sha256, stream } from "../support/bytes.ts";

export interface OpenBlobs extends AsyncDisposable {
  readonly blobs: Blobs;
}

export function blobsSuite(
  name: string,
  open: () => Promise<OpenBlobs>,
  id: () => string = () => crypto.randomUUID(),
  /** Bytes that fit into a blob there. */
  largest = 3_000_000,
): void {
  describe(`blobs: ${name}`, () => {
    let opened: OpenBlobs;
    let blobs: Blobs;
    beforeAll(async () => {
      opened = await open();
      blobs = opened.blobs;
    });
    afterAll(() => opened[Symbol.asyncDispose]());

    test("gives back what was put, with its size and digest", async () => {
      const key = id();
      const bytes = crypto.getRandomValues(new Uint8Array(50_000));
      const written = await blobs.put(key, stream(bytes.subarray(0, 7), bytes.subarray(7)));
      expect(written).toEqual({ id: key, size: 50_000, sha256: sha256(bytes) });
      expect(await readAll(await blobs.open(key))).toEqual(Buffer.from(bytes));
      expect(await blobs.stat(key)).toEqual({ id: key, size: 50_000 });
    });

    test("takes pieces of a source that uses their memory again when the next but one is asked for", async () => {
      const key = id();
      // Some are large enough to be written as they are, and none of these ends up in what was gathered of the others.
      const sizes = [600_000, 7, 700_000, 30_000, 600_000, 600_000, 1];
      const pieces = sizes.map((size, i) => Buffer.alloc(Math.ceil((size * largest) / 3_000_000), i + 1));
      async function* reusing() {
        const lent: Buffer[] = [];
        for (const piece of pieces) {
          lent.at(-2)?.fill(255);
          const mine = Buffer.from(piece);
          lent.push(mine);
          yield mine;
        }
        lent.at(-2)?.fill(255);
      }
      const { sha256: digest } = await blobs.put(key, reusing());
      expect(digest).toBe(sha256(Buffer.concat(pieces)));
      expect((await readAll(await blobs.open(key))).equals(Buffer.concat(pieces))).toBe(true);
    });

    test("opens any range, and refuses one outside", async () => {
      const key = id();
      await blobs.put(key, stream("hello world"));
      const text = async (start: number, end: number) =>
        String(await readAll(await blobs.open(key, { start, end })));
      expect(await text(0, 5)).toBe("hello");
      expect(await text(6, 11)).toBe("world");
      expect(await text(3, 3)).toBe("");
      expect(await codeOf(text(0, 12))).toBe("range");
      expect(await codeOf(text(5, 4))).toBe("range");
    });

    test("keeps an empty blob", async () => {
      const key = id();
      expect((await blobs.put(key, stream())).size).toBe(0);
      expect(await readAll(await blobs.open(key))).toHaveLength(0);
    });

    test("is absent while it is written", async () => {
      const key = id();
      const gate = Promise.withResolvers<void>();
      async function* slow() {
        yield Buffer.from("half");
        await gate.promise;
        yield Buffer.from("whole");
      }
      const putting = blobs.put(key, slow());
      expect(await blobs.stat(key)).toBeUndefined();
      gate.resolve();
      await putting;
      expect((await blobs.stat(key))?.size).toBe(9);
    });

    test("leaves nothing when the source breaks, and passes its error on", async () => {
      const key = id();
      const broken = new Error("the client went away");
      expect(await blobs.put(key, stream("half", broken)).catch((error) => error)).toBe(broken);
      expect(await blobs.stat(key)).toBeUndefined();
    });

    test("stops at once when the signal aborts a source that hangs", async () => {
      const key = id();
      const abort = new AbortController();
      const reason = new Error("stop");
      async function* hanging() {
        yield Buffer.from("half");
        queueMicrotask(() => abort.abort(reason));
        await new Promise(() => undefined);
      }
      expect(await blobs.put(key, hanging(), { signal: abort.signal }).catch((error) => error)).toBe(reason);
      expect(await blobs.stat(key)).toBeUndefined();
    });

    test("refuses an id that is taken, and keeps the first", async () => {
      const key = id();
      await blobs.put(key, stream("first"));
      expect(await codeOf(blobs.put(key, stream("second")))).toBe("exists");
      expect(String(await readAll(await blobs.open(key)))).toBe("first");
    });

    test("removes, twice as well; a miss is a value for stat and a fault for open", async () => {
      const key = id();
      await blobs.put(key, stream("x"));
      await blobs.remove(key);
      await blobs.remove(key);
      expect(await blobs.stat(key)).toBeUndefined();
      expect(await codeOf(blobs.open(key))).toBe("not-found");
    });

    test("lists every blob", async () => {
      const keys = Array.from({ length: 5 }, id);
      for (const key of keys) await blobs.put(key, stream(key));
      const listed = new Map((await Array.fromAsync(blobs.list())).map((stat) => [stat.id, stat.size]));
      for (const key of keys) expect(listed.get(key)).toBe(key.length);
    });

    test("tells where a local file lies only if its bytes are there", async () => {
      const key = id();
      await blobs.put(key, stream("content"));
      const local = await blobs.localFile(key);
      if (local) expect(await Bun.file(local.path).text()).toBe("content");
      else expect(local).toBeUndefined();
    });
  });
}
