// The chunk that completes a small upload: bytes, blob and file come in one commit, or none of them.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { Files } from "../../../src/domain/files/files.ts";
import { Uploads } from "../../../src/domain/uploads/uploads.ts";
import { type ByteStores, temporaryByteStores } from "../../support/byte-stores.ts";
import { codeOf, readAll, sha256 } from "../../support/bytes.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { quietLog as log } from "../../support/quiet-log.ts";

const image = crypto.getRandomValues(new Uint8Array(734));
const digest = sha256(image);
const id = `image:${digest}`;

let stores: ByteStores;
let files: Files;
let uploads: Uploads;
beforeEach(async () => {
  stores = await temporaryByteStores();
  const { records, blobs, staging } = stores;
  const clock = new ManualClock();
  files = new Files({ blobs, records, clock, log });
  uploads = new Uploads({ staging, records, files, clock, log });
});
afterEach(() => stores[Symbol.asyncDispose]());

const begin = (declaredSha256 = digest) =>
  uploads.begin({
    ...{ id: `image:${declaredSha256}`, protocol: "image", name: "a.txt", mediaType: "text/plain" },
    ...{ size: image.length, declaredSha256 },
  });
const chunk = (start: number, end: number) => ({
  ...{ offset: start, size: end - start, source: image.slice(start, end), repeated: "refuse" as const },
});
const journalRows = () => stores.database.db.query("SELECT count(*) n FROM arrivals").get() as { n: number };

test.each([[[0, 256, 512]], [[256, 512, 0]], [[512, 0, 256]]])("wherever it lies: %p", async (starts) => {
  await begin();
  let file: Awaited<ReturnType<Uploads["write"]>>["file"];
  for (const start of starts) {
    ({ file } = await uploads.write(id, chunk(start, Math.min(734, start + 256))));
  }
  expect(file?.sha256).toBe(digest);
  expect(new Uint8Array(await readAll(files.read(file ?? { blob: "none" })))).toEqual(image);
  expect(await Array.fromAsync(stores.staging.list())).toEqual([]);
  expect((await uploads.page({ limit: 5 })).records).toEqual([]);
});

test("it takes one commit", async () => {
  await begin();
  await uploads.write(id, chunk(0, 400));
  const before = journalRows().n;
  await uploads.write(id, chunk(400, 734));
  expect(journalRows().n).toBe(before + 1);
});

test("two last chunks at once make one file", async () => {
  await begin();
  const [first, second] = await Promise.all([
    uploads.write(id, chunk(0, 400)),
    uploads.write(id, chunk(400, 734)),
  ]);
  expect((first.file ?? second.file)?.sha256).toBe(digest);
  expect((await files.page({ limit: 5 })).records).toHaveLength(1);
});

test("bytes that are not those declared are discarded with it, and the image may be registered again", async () => {
  const other = "0".repeat(64);
  await begin(other);
  await uploads.write(`image:${other}`, chunk(0, 400));
  expect(await codeOf(uploads.write(`image:${other}`, chunk(400, 734)))).toBe("mismatch");
  expect((await uploads.get(`image:${other}`))?.state).toBe("failed");
  expect(await Array.fromAsync(stores.staging.list())).toEqual([]);
  await begin(other);
});

test("the bytes of a file that is there are shared", async () => {
  const known = await files.store(
    { name: "b", mediaType: "text/plain", origin: "put:b" },
    new Blob([image]).stream(),
  );
  await begin();
  await uploads.write(id, chunk(0, 400));
  const { file } = await uploads.write(id, chunk(400, 734));
  expect(file?.blob).toBe(known.blob);
  expect((await Array.fromAsync(stores.blobs.list())).map((blob) => blob.id)).toEqual([known.blob]);
});

test("when the file cannot be stored nothing of it is there, and the chunk may come again", async () => {
  await begin();
  await uploads.write(id, chunk(0, 400));
  const { db } = stores.database;
  db.run("CREATE TRIGGER refused BEFORE INSERT ON files BEGIN SELECT RAISE(ABORT, 'refused'); END");
  expect(await codeOf(uploads.write(id, chunk(400, 734)))).toBe("internal");
  expect(await files.page({ limit: 5 })).toEqual({ records: [], next: null });
  expect((await uploads.get(id))?.coverage).toEqual([[0, 400]]);
  db.run("DROP TRIGGER refused");
  const { file } = await uploads.write(id, chunk(400, 734));
  expect(file?.sha256).toBe(digest);
});
