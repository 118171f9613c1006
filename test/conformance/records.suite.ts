// What every adapter of records must do.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { FileRecord, PageQuery, Records, UploadRecord } from "../../src/ports/records.ts";
import { codeOf } from "../support/bytes.ts";

export interface OpenRecords extends AsyncDisposable {
  readonly records: Records;
}

export function uploadRecord(id: string, change: Partial<UploadRecord> = {}): UploadRecord {
  return {
    ...{ id, version: 1, protocol: "image", name: `${id}.txt`, size: 10, coverage: [[0, 5]] },
    ...{ declaredSha256: null, staging: `staging-${id}`, state: "arriving", fileId: null, error: null },
    ...{ meta: { chunkSize: "5" }, createdAt: 1, updatedAt: 1, expiresAt: null, ...change },
  };
}

export function fileRecord(id: string, change: Partial<FileRecord> = {}): FileRecord {
  return {
    ...{ id, version: 1, name: `${id}.txt`, size: 10, sha256: "ab".repeat(32), mediaType: "text/plain" },
    ...{ blob: `blob-${id}`, origin: "test", createdAt: 1, updatedAt: 1, expiresAt: null, ...change },
  };
}

export function recordsSuite(name: string, open: () => Promise<OpenRecords>): void {
  describe(`records: ${name}`, () => {
    let opened: OpenRecords;
    let records: Records;
    beforeEach(async () => {
      opened = await open();
      records = opened.records;
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    const pagesOf = async (query: PageQuery): Promise<string[]> => {
      const ids: string[] = [];
      for (let after: string | null | undefined; after !== null; ) {
        const page = await records.page("files", { ...query, ...(after && { after }) });
        expect(page.records.length).toBeLessThanOrEqual(query.limit);
        ids.push(...page.records.map(({ id }) => id));
        after = page.next;
      }
      return ids;
    };

    test("gives back what was inserted; a miss is a value", async () => {
      const upload = uploadRecord("a", { name: "Ünï 🗻.csv", meta: { k: "v" } });
      await records.insert("uploads", upload);
      expect(await records.get("uploads", "a")).toEqual(upload);
      expect(await records.get("files", "a")).toBeUndefined();
    });

    test("of many inserts of one id exactly one wins", async () => {
      const inserts = Array.from({ length: 8 }, (_, i) =>
        records.insert("uploads", uploadRecord("same", { name: `${i}` })).then(
          () => "stored",
          (error) => error.code,
        ),
      );
      expect((await Promise.all(inserts)).toSorted()).toEqual([...Array(7).fill("exists"), "stored"]);
    });

    test("replaces by version: of many exactly one wins", async () => {
      await records.insert("uploads", uploadRecord("a"));
      const replaced = await Promise.all(
        Array.from({ length: 5 }, (_, i) =>
          records
            .replace("uploads", uploadRecord("a", { coverage: [[0, i + 6]] }))
            .catch((error) => error.code),
        ),
      );
      expect(replaced.filter((result) => result === "conflict")).toHaveLength(4);
      const winner = replaced.find((result) => typeof result === "object");
      expect(winner.version).toBe(2);
      expect(await records.get("uploads", "a")).toEqual(winner);
      expect(await codeOf(records.replace("uploads", uploadRecord("nope")))).toBe("not-found");
    });

    test("removes by version, and what is not there", async () => {
      await records.insert("files", fileRecord("a"));
      expect(await codeOf(records.remove("files", "a", 2))).toBe("conflict");
      await records.remove("files", "a", 1);
      await records.remove("files", "a", 1);
      expect(await records.get("files", "a")).toBeUndefined();
    });

    test("shares a blob only with a file that has it", async () => {
      await records.insert("files", fileRecord("a", { blob: "one" }));
      await records.insertSharing(fileRecord("b", { blob: "one" }));
      expect((await records.get("files", "b"))?.blob).toBe("one");
      expect(await codeOf(records.insertSharing(fileRecord("b", { blob: "one" })))).toBe("exists");
      expect(await codeOf(records.insertSharing(fileRecord("c", { blob: "two" })))).toBe("conflict");
      await records.remove("files", "a", 1);
      await records.remove("files", "b", 1);
      expect(await codeOf(records.insertSharing(fileRecord("c", { blob: "one" })))).toBe("conflict");
      expect(await records.get("files", "c")).toBeUndefined();
    });

    test("an upload becomes a file in one step, or neither changes", async () => {
      await records.insert("uploads", uploadRecord("a"));
      await records.insert("uploads", uploadRecord("b"));
      const ended = uploadRecord("a", { state: "finished", fileId: "f" });
      expect(await records.finish(fileRecord("f"), ended)).toEqual({ ...ended, version: 2 });
      expect(await records.get("uploads", "a")).toEqual({ ...ended, version: 2 });
      expect(await records.get("files", "f")).toEqual(fileRecord("f"));
      const other = uploadRecord("b", { state: "finished", fileId: "g" });
      expect(await codeOf(records.finish(fileRecord("f"), other))).toBe("exists");
      expect((await records.get("uploads", "b"))?.state).toBe("arriving");
      for (const [upload, code] of [
        [ended, "conflict"],
        [uploadRecord("nobody"), "not-found"],
      ] as const) {
        expect(await codeOf(records.finish(fileRecord("g"), upload))).toBe(code);
        expect(await records.get("files", "g")).toBeUndefined();
      }
      await records.finish(fileRecord("g"), other, { forget: true });
      expect(await records.get("uploads", "b")).toBeUndefined();
      expect(await records.get("files", "g")).toEqual(fileRecord("g"));
    });

    test("finds a file by its digest, and by its origin", async () => {
      const digest = "0f".repeat(32);
      expect(await records.twin(digest)).toBeUndefined();
      const image = fileRecord("i", {
        sha256: digest,
        name: `${digest}.txt`,
        origin: `upload:image:${digest}`,
      });
      await records.insert("files", image);
      expect(await records.twin(digest)).toEqual(image);
      await records.insert("files", fileRecord("one", { sha256: digest, origin: "job:1" }));
      await records.insert("files", fileRecord("two", { sha256: digest, origin: "job:2" }));
      expect((await records.twin(digest, "job:1"))?.id).toBe("one");
      expect((await records.twin(digest, "job:2"))?.id).toBe("two");
      expect(await records.twin(digest, "job:3")).toBeUndefined();
      expect(await records.twin(digest, image.origin)).toEqual(image);
      expect(await records.twin("ab".repeat(32))).toBeUndefined();
    });

    test("names that follow from digests are listed, sought and changed as all others", async () => {
      const digests = ["00", "3a", "a9", "ab", "ab", "ff"].map((pair, i) => `${pair.repeat(31)}0${i}`);
      for (const [i, digest] of digests.entries()) {
        const origin = `upload:image:${digest}`;
        await records.insert("files", fileRecord(`i${i}`, { sha256: digest, name: `${digest}.txt`, origin }));
      }
      const names = ["", "0", "3b", "AB", "a", "ab", "b", "fff", "ffz", "~"];
      for (const [i, name] of names.entries()) await records.insert("files", fileRecord(`n${i}`, { name }));
      const shown = async (query: Partial<PageQuery>) => {
        const ids = await pagesOf({ limit: 1, order: "name", ...query });
        const found = await Promise.all(ids.map((id) => records.get("files", id)));
        return found.map((file) => file?.name ?? "");
      };
      const all = [...digests.map((digest) => `${digest}.txt`), ...names].sort();
      expect(await shown({})).toEqual(all);
      for (const prefix of [
        "",
        "a",
        "ab",
        "AB",
        "f",
        "ff",
        "0",
        "3c",
        "x",
        `${digests[1]}.t`,
        "\u{10ffff}",
      ]) {
        expect([prefix, await shown({ prefix })]).toEqual([
          prefix,
          all.filter((name) => name.startsWith(prefix)),
        ]);
        const newest = await pagesOf({ limit: 3, prefix });
        expect(newest).toHaveLength(all.filter((name) => name.startsWith(prefix)).length);
      }
      const image = (await records.get("files", "i2")) as FileRecord;
      await records.replace("files", { ...image, name: "mine" });
      expect(await records.twin(image.sha256, image.origin)).toMatchObject({ name: "mine", version: 2 });
      expect(await shown({ prefix: "mi" })).toEqual(["mine"]);
    });

    test("counts files and their bytes", async () => {
      expect(await records.totals()).toEqual({ files: 0, bytes: 0 });
      await records.insert("files", fileRecord("a", { size: 10 }));
      await records.insert("files", fileRecord("b", { size: 4_000_000_000_000 }));
      await records.insert("files", fileRecord("b")).catch(() => undefined);
      await records.replace("files", fileRecord("a", { name: "c" }));
      expect(await records.totals()).toEqual({ files: 2, bytes: 4_000_000_000_010 });
      await records.remove("files", "b", 1);
      expect(await records.totals()).toEqual({ files: 1, bytes: 10 });
    });

    test("pages newest first, each record once, also while others come and go", async () => {
      for (let i = 0; i < 7; i++) await records.insert("files", fileRecord(`f${i}`));
      const first = await records.page("files", { limit: 3 });
      expect(first.records.map(({ id }) => id)).toEqual(["f6", "f5", "f4"]);
      await records.insert("files", fileRecord("later"));
      await records.remove("files", "f3", 1);
      const second = await records.page("files", { limit: 3, after: first.next ?? "" });
      expect(second.records.map(({ id }) => id)).toEqual(["f2", "f1", "f0"]);
      expect(second.next).toBeNull();
    });

    test("pages by name in code-point order, equal names too", async () => {
      const names = ["b", "a", "a", "Z", "🗻", "\uffee", "é", "a"];
      for (const [i, n] of names.entries()) await records.insert("files", fileRecord(`f${i}`, { name: n }));
      expect(await pagesOf({ limit: 2, order: "name" })).toEqual([
        "f3",
        "f1",
        "f2",
        "f7",
        "f0",
        "f6",
        "f5",
        "f4",
      ]);
    });

    test("filters by prefix, state, digest and blob", async () => {
      await records.insert("files", fileRecord("a", { name: "log-1", blob: "shared" }));
      await records.insert(
        "files",
        fileRecord("b", { name: "log%", blob: "shared", sha256: "cd".repeat(32) }),
      );
      await records.insert("files", fileRecord("c", { name: "other" }));
      expect(await pagesOf({ limit: 10, prefix: "log" })).toEqual(["b", "a"]);
      expect(await pagesOf({ limit: 10, prefix: "log%" })).toEqual(["b"]);
      expect(await pagesOf({ limit: 1, blob: "shared", order: "name" })).toEqual(["b", "a"]);
      expect(await pagesOf({ limit: 10, sha256: "cd".repeat(32) })).toEqual(["b"]);
      expect(await pagesOf({ limit: 10, state: "failed" })).toEqual([]);
      await records.insert("uploads", uploadRecord("u", { state: "failed" }));
      await records.insert("uploads", uploadRecord("v"));
      const { records: failed } = await records.page("uploads", { limit: 10, state: "failed" });
      expect(failed.map(({ id }) => id)).toEqual(["u"]);
    });

    test("refuses a foreign cursor", async () => {
      for (const after of ["nonsense", "", "💥", "[1]"]) {
        expect(await codeOf(records.page("files", { limit: 1, after }))).toBe("invalid");
      }
      await records.insert("files", fileRecord("a"));
      await records.insert("files", fileRecord("b"));
      const { next } = await records.page("files", { limit: 1 });
      expect(await codeOf(records.page("files", { limit: 1, order: "name", after: next ?? "" }))).toBe(
        "invalid",
      );
    });

    test("tells what has expired, soonest first", async () => {
      await records.insert("uploads", uploadRecord("never"));
      await records.insert("uploads", uploadRecord("late", { expiresAt: 30 }));
      await records.insert("uploads", uploadRecord("soon", { expiresAt: 10 }));
      const ids = async (at: number, limit: number) =>
        (await records.expired("uploads", at, limit)).map(({ id }) => id);
      expect(await ids(9, 10)).toEqual([]);
      expect(await ids(10, 10)).toEqual(["soon"]);
      expect(await ids(99, 10)).toEqual(["soon", "late"]);
      expect(await ids(99, 1)).toEqual(["soon"]);
    });
  });
}
