// What every adapter of bucket must do.

import { describe, expect, test } from "bun:test";
import type { Bucket, BucketObject } from "../../src/ports/bucket.ts";
import { codeOf, readAll } from "../support/bytes.ts";

export interface OpenBucket extends AsyncDisposable {
  readonly bucket: Bucket;
}

/** `open` makes a bucket that holds these objects. */
export function bucketSuite(
  adapter: string,
  open: (objects: ReadonlyMap<string, Uint8Array>) => Promise<OpenBucket>,
): void {
  const withObjects = (objects: Readonly<Record<string, string | Uint8Array>>) =>
    open(
      new Map(Object.entries(objects).map(([name, bytes]) => [name, Uint8Array.from(Buffer.from(bytes))])),
    );

  describe(`bucket: ${adapter}`, () => {
    test("an empty one is an empty page", async () => {
      await using opened = await withObjects({});
      expect(await opened.bucket.list("")).toEqual({ objects: [], next: null });
      expect(opened.bucket.description).not.toBe("");
    });

    test("lists full names in the order of their bytes, with sizes", async () => {
      const names = [
        "a",
        "a/b",
        "a.log",
        "a0",
        "b/c/d",
        "b/c.x",
        "Z",
        "é",
        "\u{1f600}",
        "\uffe0",
        "a b",
        "%2e%2e",
        "2026-11-20_10.log",
      ];
      const possible = names.filter((name) => name !== "a");
      await using opened = await withObjects(
        Object.fromEntries(possible.map((name, i) => [name, "x".repeat(i)])),
      );
      const { objects, next } = await opened.bucket.list("");
      const sorted = possible.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(objects).toEqual(sorted.map((name) => ({ name, size: possible.indexOf(name) })));
      expect(next).toBeNull();
    });

    test("lists by prefix, within a folder's name and within a file's", async () => {
      await using opened = await withObjects({
        "logs/2026-01": "",
        "logs/2026-02": "",
        "logs2/x": "",
        log: "",
        z: "",
      });
      const named = async (prefix: string) =>
        (await opened.bucket.list(prefix)).objects.map(({ name }) => name);
      expect(await named("log")).toEqual(["log", "logs/2026-01", "logs/2026-02", "logs2/x"]);
      expect(await named("logs/")).toEqual(["logs/2026-01", "logs/2026-02"]);
      expect(await named("logs/2026-02")).toEqual(["logs/2026-02"]);
      expect(await named("nope/")).toEqual([]);
      expect(await named("z/")).toEqual([]);
    });

    test("pages hold at most 1,000, and `after` may be any text", async () => {
      const name = (i: number) => `d${i % 7}/${String(i).padStart(5, "0")}`;
      const all = Array.from({ length: 2_345 }, (_, i) => name(i)).sort();
      await using opened = await withObjects(Object.fromEntries(all.map((each) => [each, ""])));
      const seen: BucketObject[] = [];
      let pages = 0;
      for (let after: string | undefined; ; ) {
        const page = await opened.bucket.list("", after);
        expect(page.objects.length).toBeLessThanOrEqual(1_000);
        seen.push(...page.objects);
        pages += 1;
        if (page.next === null) break;
        // The same page a second time is the same.
        expect(await opened.bucket.list("", after)).toEqual(page);
        after = page.next;
      }
      expect(seen.map((object) => object.name)).toEqual(all);
      expect(pages).toBe(3);
      const rest = await opened.bucket.list("d6/", "d6/01");
      expect(rest.objects.map((object) => object.name)).toEqual(
        all.filter((each) => each > "d6/01" && each < "d7"),
      );
    });

    test("opens whole objects and ranges, in bounded pieces", async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(8);
      await using opened = await withObjects({ "dir/big": bytes, empty: "" });
      const { bucket } = opened;
      for await (const piece of bucket.open("dir/big")) expect(piece.length).toBeWithin(1, 262_145);
      expect((await readAll(bucket.open("dir/big"))).equals(Buffer.from(bytes))).toBe(true);
      expect(String(await readAll(bucket.open("dir/big", { start: 70_000, end: 70_010 })))).toBe(
        bytes.slice(70_000, 70_010),
      );
      expect(await readAll(bucket.open("dir/big", { start: 5, end: 5 }))).toHaveLength(0);
      expect(await readAll(bucket.open("empty"))).toHaveLength(0);
    });

    test("a range outside is `range`, an object that is not there `not-found`", async () => {
      await using opened = await withObjects({ "a/b": "12345" });
      const { bucket } = opened;
      for (const [start, end] of [
        [0, 6],
        [3, 2],
        [-1, 2],
        [Number.NaN, 2],
      ] as const) {
        expect(await codeOf(readAll(bucket.open("a/b", { start, end })))).toBe("range");
      }
      for (const name of ["b", "a", "a/b/c", "a/", ""])
        expect(await codeOf(readAll(bucket.open(name)))).toBe("not-found");
    });

    test("names that lead out, hold NUL or are very long are `invalid`", async () => {
      await using opened = await withObjects({ "a/b": "1" });
      for (const name of [
        "..",
        "../x",
        "a/../../x",
        "a/..",
        "/etc/passwd",
        "a\0b",
        "x".repeat(10_000),
        "é".repeat(600),
      ]) {
        expect(await codeOf(readAll(opened.bucket.open(name)))).toBe("invalid");
        expect(await codeOf(opened.bucket.list(name))).toBe("invalid");
      }
      // Percent signs mean nothing here.
      expect(await codeOf(readAll(opened.bucket.open("%2e%2e/x")))).toBe("not-found");
    });

    test("an aborted signal ends listing and reading", async () => {
      await using opened = await withObjects({ a: "x".repeat(200_000) });
      const controller = new AbortController();
      const reading = (async () => {
        for await (const piece of opened.bucket.open("a", undefined, controller.signal)) {
          expect(piece.length).toBeLessThan(200_000);
          controller.abort(new Error("enough"));
        }
      })();
      await expect(reading).rejects.toThrow("enough");
      await expect(opened.bucket.list("", undefined, controller.signal)).rejects.toThrow("enough");
    });

    test("a local file holds the object's bytes, and names are held to the same rules", async () => {
      await using opened = await withObjects({ "a/b": "content" });
      const local = await opened.bucket.localFile("a/b");
      if (local) {
        expect(await Bun.file(local.path).text()).toBe("content");
        expect(await codeOf(opened.bucket.localFile("a/c"))).toBe("not-found");
        expect(await codeOf(opened.bucket.localFile("../x"))).toBe("invalid");
      }
    });
  });
}
