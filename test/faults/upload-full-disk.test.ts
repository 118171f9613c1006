// A disk that becomes full in the middle of a large PATCH: what is acknowledged is there, and with space again the upload goes on from it.
// The disk is a small tmpfs, which only root may mount.

import { afterAll, beforeAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { sha256 } from "../support/bytes.ts";
import { diskTest, mayMount, smallDisk } from "../support/small-disk.ts";
import { openStorageService, type StorageService } from "../support/storage-service.ts";
import type { TemporaryFolder } from "../support/temporary.ts";
import { TusCaller } from "../support/tus.ts";
import { until } from "../support/until.ts";

const MB = 1_048_576;
/** So much of a PATCH comes before the disk is full: more than is made durable at a time. */
const HELD = 24 * MB;
let folder: TemporaryFolder;
let service: StorageService;

beforeAll(async () => {
  if (!mayMount) return;
  folder = await smallDisk("128m");
  service = await openStorageService(folder.path);
});
afterAll(async () => {
  if (!mayMount) return;
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** The only staged file. */
async function staged(): Promise<string> {
  const [name = ""] = await readdir(folder.at("staging"));
  return folder.at("staging", name);
}

function fillDisk(): void {
  const filler = Bun.spawnSync(["dd", "if=/dev/zero", `of=${folder.at("filler")}`, "bs=4096"]);
  expect(String(filler.stderr)).toContain("No space left");
}

const stands = async () => (await service.uploads.page({ limit: 1 })).records[0]?.coverage.at(-1)?.[1] ?? 0;

diskTest("a full disk in mid-PATCH, twice, costs no acknowledged byte", async () => {
  const bytes = randomBytes(60 * MB + 4_321);
  const tus = new TusCaller(service.origin);
  const url = await tus.create(bytes.length);
  let offset = 0;
  for (let round = 0; round < 2; round++) {
    const begun = offset;
    /** What the ledger lists when the disk becomes full. */
    let acknowledged = 0;
    let at = begun;
    const source = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (at === begun + HELD) {
          await until("some of it is acknowledged", async () => (await stands()) > begun);
          fillDisk();
          acknowledged = await stands();
        }
        controller.enqueue(bytes.subarray(at, at + MB));
        at += MB;
        if (at >= bytes.length) controller.close();
      },
    });
    const refused = await tus.patch(url, begun, source);
    expect([refused.status, await refused.text()]).toEqual([507, expect.stringContaining("no space left")]);
    offset = await tus.offset(url);
    expect(offset).toBeGreaterThanOrEqual(acknowledged);
    expect(offset).toBeLessThan(bytes.length);
    const held = (await readFile(await staged())).subarray(0, offset);
    expect(sha256(held)).toBe(sha256(bytes.subarray(0, offset)));
    await rm(folder.at("filler"));
  }
  const ended = await tus.patch(url, offset, bytes.subarray(offset));
  expect([ended.status, ended.headers.get("upload-offset")]).toEqual([204, String(bytes.length)]);
  expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
  const { records } = await service.files.page({ limit: 10 });
  expect(records.map((file) => file.sha256)).toEqual([sha256(bytes)]);
  expect(await readdir(folder.at("staging"))).toEqual([]);
  expect(service.errors).toEqual([]);
});
