// A store of the first formats is brought along: the same records, listings and bytes.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  RECORDS_APPLICATION_ID,
  RECORDS_MIGRATIONS,
} from "../../../../src/adapters/sqlite/records/schema.ts";
import { openByteStores } from "../../../support/byte-stores.ts";
import { readAll, sha256 } from "../../../support/bytes.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

/** What the third format held: `text` as an image, and as a file of another origin that shares its blob. */
function writeOldStore(path: string, text: string) {
  using db = new Database(path, { create: true, strict: true });
  for (const script of RECORDS_MIGRATIONS.slice(0, 3)) db.run(script);
  db.run(`PRAGMA application_id = ${RECORDS_APPLICATION_ID}`);
  db.run("PRAGMA user_version = 3");
  const [inner, digest] = [Bun.randomUUIDv7(), sha256(Buffer.from(text))];
  const file = { size: text.length, mediaType: "text/plain; charset=utf-8", createdAt: 5, updatedAt: 6 };
  const insertFile = db.query(
    "INSERT INTO files (id, version, name, sha256, blob, document) VALUES (?, 1, ?, ?, ?, ?)",
  );
  const origin = `upload:image:${digest}`;
  insertFile.run(`s-${inner}`, `${digest}.txt`, digest, `s-${inner}`, JSON.stringify({ ...file, origin }));
  const other = JSON.stringify({ ...file, mediaType: "text/csv", origin: "job:1" });
  insertFile.run("result", "result.csv", digest, `s-${inner}`, other);
  db.query("INSERT INTO blobs (id, size, bytes) VALUES (?, ?, ?)").run(inner, text.length, Buffer.from(text));
  const upload = (staging: string) => ({
    ...{ protocol: "image", size: text.length, coverage: [], declaredSha256: digest, staging },
    ...{ fileId: null, error: null, meta: {}, createdAt: 1, updatedAt: 2 },
  });
  const insertUpload = db.query(
    "INSERT INTO uploads (id, version, name, state, document) VALUES (?, 3, 'n', ?, ?)",
  );
  insertUpload.run(
    `image:${digest}`,
    "finished",
    JSON.stringify({ ...upload(`s-${inner}`), fileId: `s-${inner}` }),
  );
  insertUpload.run(
    "tus:done",
    "finished",
    JSON.stringify({ ...upload("x"), protocol: "tus", fileId: "result" }),
  );
  const arriving = Bun.randomUUIDv7();
  insertUpload.run("image:other", "arriving", JSON.stringify(upload(`s-${arriving}`)));
  db.query("INSERT INTO staged VALUES (?)").run(arriving);
  db.query("INSERT INTO pieces (staged, start, bytes) VALUES (?, 0, ?)").run(arriving, Buffer.from("half"));
  return { id: `s-${inner}`, arriving: `s-${arriving}`, digest };
}

test("a store of the third format keeps its files, their bytes and what was arriving", async () => {
  await using folder = await temporaryFolder();
  const text = "an image of the old days";
  const { id, arriving, digest } = writeOldStore(folder.at("records.sqlite"), text);
  await using stores = await openByteStores(folder.path);
  const { records, blobs, staging } = stores;
  const image = {
    ...{ id, version: 1, name: `${digest}.txt`, size: text.length, sha256: digest, blob: id },
    ...{ mediaType: "text/plain; charset=utf-8", origin: `upload:image:${digest}` },
    ...{ createdAt: 5, updatedAt: 6, expiresAt: null },
  };
  const result = { ...image, id: "result", name: "result.csv", mediaType: "text/csv", origin: "job:1" };
  expect((await records.page("files", { limit: 5 })).records).toEqual([result, image]);
  expect((await records.page("files", { limit: 5, order: "name" })).records).toEqual(
    [image, result].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );
  expect((await records.page("files", { limit: 5, blob: id })).records).toHaveLength(2);
  expect(await records.twin(digest, image.origin)).toEqual(image);
  expect(String(await readAll(await blobs.open(id)))).toBe(text);
  expect(await Array.fromAsync(blobs.list())).toEqual([{ id, size: text.length }]);
  expect(await records.totals()).toEqual({ files: 2, bytes: 2 * text.length });
  // The image's own record is its file's now; what else finished goes after a week.
  const uploads = (await records.page("uploads", { limit: 5 })).records;
  expect(uploads.map(({ id: name, state }) => [name, state])).toEqual([
    ["image:other", "arriving"],
    ["tus:done", "finished"],
  ]);
  const [done] = await records.expired("uploads", Date.now() + 8 * 24 * 3_600_000, 5);
  expect(done?.id).toBe("tus:done");
  expect(await records.expired("uploads", Date.now() + 6 * 24 * 3_600_000, 5)).toEqual([]);
  expect(String(await readAll(staging.read(arriving, { start: 0, end: 4 })))).toBe("half");
  expect(await Array.fromAsync(staging.list())).toEqual([arriving]);
});
