// A disk that is really full: the one request fails with 507, all else goes on, and it works again with space.
// The disk is a small tmpfs, which only root may mount.

import { afterAll, beforeAll, expect } from "bun:test";
import { rm } from "node:fs/promises";
import { sha256 } from "../support/bytes.ts";
import { diskTest, mayMount, smallDisk } from "../support/small-disk.ts";
import { openStorageService, type StorageService } from "../support/storage-service.ts";
import type { TemporaryFolder } from "../support/temporary.ts";

let folder: TemporaryFolder;
let service: StorageService;

beforeAll(async () => {
  if (!mayMount) return;
  folder = await smallDisk("8m");
  service = await openStorageService(folder.path);
});
afterAll(async () => {
  if (!mayMount) return;
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const headers = { "content-type": "application/json" };
const post = (path: string, body: unknown) =>
  fetch(service.origin + path, { method: "POST", headers, body: JSON.stringify(body) });
const register = (image: string) =>
  post("/image", { sha256: sha256(image), size: image.length, chunk_size: image.length });
const send = (image: string) =>
  post(`/image/${sha256(image)}/chunks`, { id: 0, size: image.length, data: image });
const get = (image: string) => fetch(`${service.origin}/image/${sha256(image)}`);

diskTest("fails the one request with 507 and goes on", async () => {
  const [first, small, large] = ["a".repeat(500), "b".repeat(30_000), "c".repeat(300_000)];
  for (const image of [first, small, large]) expect((await register(image)).status).toBe(201);
  expect((await send(first)).status).toBe(201);

  const filler = Bun.spawnSync(["dd", "if=/dev/zero", `of=${folder.at("filler")}`, "bs=4096"]);
  expect(String(filler.stderr)).toContain("No space left");
  for (const image of [small, large]) {
    const refused = await send(image);
    expect(refused.status).toBe(507);
    expect(await refused.json()).toEqual({ code: "507", message: expect.stringContaining("no space left") });
  }
  const body = new FormData();
  body.append("file", new File([new Uint8Array(3_000_000)], "a.csv"));
  expect((await fetch(`${service.origin}/api/upload_file`, { method: "POST", body })).status).toBe(507);
  expect(await (await get(first)).text()).toBe(first);
  expect((await get(large)).status).toBe(404);

  await rm(folder.at("filler"));
  for (const image of [small, large]) {
    expect((await send(image)).status).toBe(201);
    expect(await (await get(image)).text()).toBe(image);
  }
  expect(service.errors).toEqual([]);
});
