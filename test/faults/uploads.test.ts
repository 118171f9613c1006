// Faults of the ledger's own kind: a staged file that lost bytes, 10,001 parts in random order, a lost last answer.

import { expect, test } from "bun:test";
import { readdir, truncate } from "node:fs/promises";
import { seededRandom } from "../../src/cli/generate/random.ts";
import { codeOf, sha256, stream } from "../support/bytes.ts";
import { openStorageService } from "../support/storage-service.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { shuffled } from "./kill-loads.ts";

const begun = (size: number) =>
  ({ id: "tus:a", protocol: "tus", name: "a", mediaType: "text/plain", size }) as const;

test("an upload whose staged file lost acknowledged bytes fails, and is never filled up with zeros", async () => {
  await using folder = await temporaryFolder();
  const bytes = crypto.getRandomValues(new Uint8Array(200_000));
  {
    await using service = await openStorageService(folder.path);
    await service.uploads.begin(begun(200_000));
    await service.uploads.append("tus:a", { offset: 0, source: stream(bytes.slice(0, 150_000)) });
    const [staged = ""] = await readdir(folder.at("staging"));
    await truncate(folder.at("staging", staged), 100_000);
  }
  await using service = await openStorageService(folder.path);
  const rest = { offset: 150_000, source: stream(bytes.slice(150_000)) };
  expect(await codeOf(service.uploads.append("tus:a", rest))).toBe("gone");
  expect((await service.uploads.get("tus:a"))?.error).toContain("lost");
  expect((await service.files.page({ limit: 10 })).records).toEqual([]);
  expect(await readdir(folder.at("staging"))).toEqual([]);
  await service.uploads.begin(begun(200_000));
  const { file } = await service.uploads.append("tus:a", { offset: 0, source: stream(bytes) });
  expect(file?.sha256).toBe(sha256(bytes));
});

test("10,001 parts in random order, many at once", async () => {
  await using folder = await temporaryFolder();
  await using service = await openStorageService(folder.path);
  const random = seededRandom(10_001);
  const size = 10_001 * 20 - 7;
  const bytes = crypto.getRandomValues(new Uint8Array(size));
  await service.uploads.begin({ ...begun(size), id: "dropzone:a", protocol: "dropzone" });
  const waiting = shuffled(
    Array.from({ length: 10_001 }, (_, i) => i * 20),
    random,
  );
  const send = async () => {
    for (let offset = waiting.pop(); offset !== undefined; offset = waiting.pop()) {
      const source = bytes.slice(offset, offset + 20);
      await service.uploads.write("dropzone:a", { offset, size: source.length, source, repeated: "compare" });
    }
  };
  await Promise.all(Array.from({ length: 500 }, send));
  const upload = await service.uploads.get("dropzone:a");
  expect((await service.files.get(upload?.fileId ?? ""))?.sha256).toBe(sha256(bytes));
});
