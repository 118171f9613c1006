// What every adapter of staging must do.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Blobs } from "../../src/ports/blobs.ts";
import type { Staging } from "../../src/ports/staging.ts";
import { codeOf, readAll, sha256, stream } from "../support/bytes.ts";

export interface OpenStaging extends AsyncDisposable {
  readonly staging: Staging;
  readonly blobs: Blobs;
}

/** `size`: what is declared at `create`; undefined for an unknown one. All tests stay below 64 KiB. */
export function stagingSuite(name: string, open: () => Promise<OpenStaging>, size?: number): void {
  describe(`staging: ${name}`, () => {
    let opened: OpenStaging;
    let staging: Staging;
    const create = () => staging.create(size === undefined ? {} : { size });
    const textOf = async (id: string, start: number, end: number) =>
      String(await readAll(staging.read(id, { start, end })));
    beforeAll(async () => {
      opened = await open();
      staging = opened.staging;
    });
    afterAll(() => opened[Symbol.asyncDispose]());

    test("chooses ids that are safe as names", async () => {
      expect(await create()).toMatch(/^[a-z0-9-]{1,64}$/);
    });

    test("takes writes in any order and commits them as one blob", async () => {
      const id = await create();
      expect(await staging.write(id, 6, stream("wor", "ld"))).toEqual({ written: 5 });
      expect(await staging.write(id, 0, Buffer.from("hello "))).toEqual({ written: 6 });
      expect(await textOf(id, 0, 11)).toBe("hello world");
      expect(await textOf(id, 4, 7)).toBe("o w");
      const blob = await staging.commit(id, 11);
      expect(blob).toBe(id);
      expect(String(await readAll(await opened.blobs.open(blob)))).toBe("hello world");
    });

    test("takes many writes at once", async () => {
      const id = await create();
      const bytes = crypto.getRandomValues(new Uint8Array(40_000));
      const starts = Array.from({ length: 40 }, (_, i) => i * 1000).reverse();
      await Promise.all(starts.map((at) => staging.write(id, at, stream(bytes.slice(at, at + 1000)))));
      const blob = await staging.commit(id, 40_000);
      expect(await readAll(await opened.blobs.open(blob))).toEqual(Buffer.from(bytes));
    });

    test("a write goes on when others that began with it end at once", async () => {
      for (let round = 0; round < 20; round++) {
        const id = await create();
        const [none, other, some] = await Promise.all([
          staging.write(id, 0, new Uint8Array()),
          staging.write(id, 0, new Uint8Array()),
          staging.write(id, 0, stream("abc")),
        ]);
        expect([none, other, some]).toEqual([{ written: 0 }, { written: 0 }, { written: 3 }]);
        expect(await textOf(id, 0, 3)).toBe("abc");
      }
    });

    test("a later write replaces what a broken one left, whatever its length", async () => {
      const id = await create();
      await staging.write(id, 0, stream("xxxxxxxx"));
      await staging.write(id, 2, stream("bcd"));
      await staging.write(id, 0, stream("aa"));
      expect(await textOf(id, 0, 6)).toBe("aabcdx");
    });

    test("counts what arrived before the source broke", async () => {
      const id = await create();
      const broken = new Error("connection reset");
      expect(await staging.write(id, 0, stream("abc", "def", broken))).toEqual({
        written: 6,
        interrupted: broken,
      });
      expect(await textOf(id, 0, 6)).toBe("abcdef");
    });

    test("a signal interrupts a source that hangs", async () => {
      const id = await create();
      const abort = new AbortController();
      async function* hanging() {
        yield Buffer.from("abc");
        queueMicrotask(() => abort.abort(new Error("let go")));
        await new Promise(() => undefined);
      }
      const result = await staging.write(id, 0, hanging(), { signal: abort.signal });
      expect(result.written).toBe(3);
      expect(String(result.interrupted)).toContain("let go");
    });

    test("tells the SHA-256 of the first bytes, as often as it is asked, and at once for several", async () => {
      const [one, two] = [await create(), await create()];
      await staging.write(one, 5, stream(" world"));
      await staging.write(one, 0, stream("hello"));
      await staging.write(two, 0, stream("other"));
      const digests = [staging.digest(one, 11), staging.digest(two, 5), staging.digest(one, 5)];
      expect(await Promise.all(digests)).toEqual(
        ["hello world", "other", "hello"].map((text) => sha256(Buffer.from(text))),
      );
      expect(await staging.digest(one, 0)).toBe(sha256(Buffer.from("")));
      expect(await codeOf(staging.digest(one, 12))).toBe("corrupt");
      expect(await staging.digest(one, 11)).toBe(sha256(Buffer.from("hello world")));
    });

    test("commits only the first bytes", async () => {
      const id = await create();
      await staging.write(id, 0, stream("hello world"));
      const blob = await staging.commit(id, 5);
      expect(String(await readAll(await opened.blobs.open(blob)))).toBe("hello");
    });

    test("repeating a commit returns the blob again", async () => {
      const id = await create();
      await staging.write(id, 0, stream("abc"));
      expect(await staging.commit(id, 3)).toBe(await staging.commit(id, 3));
    });

    test("commits nothing as an empty blob", async () => {
      const blob = await staging.commit(await create(), 0);
      expect((await opened.blobs.stat(blob))?.size).toBe(0);
    });

    test("a committed or discarded id is unknown", async () => {
      const committed = await create();
      await staging.write(committed, 0, stream("abc"));
      await staging.commit(committed, 3);
      const discarded = await create();
      await staging.write(discarded, 0, stream("abc"));
      await staging.discard(discarded);
      await staging.discard(discarded);
      for (const id of [committed, discarded]) {
        expect(await codeOf(staging.write(id, 0, stream("x")))).toBe("not-found");
        expect(await codeOf(textOf(id, 0, 1))).toBe("not-found");
        expect(await codeOf(staging.digest(id, 1))).toBe("not-found");
      }
      expect(await codeOf(staging.commit(discarded, 3))).toBe("not-found");
    });

    test("lists exactly what is staged", async () => {
      const [kept, gone] = [await create(), await create()];
      await staging.discard(gone);
      const listed = await Array.fromAsync(staging.list());
      expect(listed).toContain(kept);
      expect(listed).not.toContain(gone);
    });
  });
}
