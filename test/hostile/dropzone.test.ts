// Hostile Dropzone clients: ids and names that are paths, lying lengths, forms made to hurt.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { openStorageService, type StorageService } from "../support/storage-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

let folder: TemporaryFolder;
let service: StorageService;
beforeAll(async () => {
  folder = await temporaryFolder();
  service = await openStorageService(folder.at());
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function post(
  fields: Record<string, string>,
  bytes: string,
  filename: string,
): Promise<[number, unknown]> {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("file", new File([bytes], filename));
  const response = await fetch(`${service.origin}/api/upload_file`, { method: "POST", body });
  return [response.status, await response.json()];
}

async function postRaw(body: string | Uint8Array<ArrayBuffer>): Promise<number> {
  const headers = { "content-type": "multipart/form-data; boundary=B" };
  const response = await fetch(`${service.origin}/api/upload_file`, { method: "POST", headers, body });
  await response.json();
  return response.status;
}

const whole = { dzchunkbyteoffset: "0", dzchunksize: "100", dztotalfilesize: "5" };

test("a dzuuid is only ever a key", async () => {
  for (const dzuuid of [
    "../../../tmp/evil",
    "/etc/passwd",
    "%2e%2e%2f",
    "..",
    "image:x",
    "CON",
    "'; DROP TABLE files;--",
  ]) {
    const [status, answer] = await post({ ...whole, dzuuid }, "a,b\n1", "x.csv");
    if (/\s/.test(dzuuid)) expect(status).toBe(400);
    else expect([status, answer]).toMatchObject([200, { message: "File uploaded successfully" }]);
  }
  for (const dzuuid of ["", " ", "a\u0000b", "x".repeat(10_000), "ü", "a\nb"]) {
    expect((await post({ ...whole, dzuuid }, "a,b\n1", "x.csv"))[0]).toBe(400);
  }
});

test("a file name loses its folders, and one that is not text is refused", async () => {
  for (const name of ["../../evil.csv", "..\\..\\evil.csv", "/etc/evil.csv"]) {
    await post({ ...whole, dzuuid: crypto.randomUUID(), dzfilename: name }, "a,b\n1", "x");
    expect((await service.files.page({ limit: 1 })).records[0]?.name).toBe("evil.csv");
  }
  for (const name of [
    "..",
    ".csv/",
    "a\u0000.csv",
    `${"x".repeat(10_000)}.csv`,
    "%2e%2e",
    "a.csv\u0000.exe",
  ]) {
    expect(
      (await post({ ...whole, dzuuid: crypto.randomUUID(), dzfilename: name }, "a,b\n1", "x.csv"))[0],
    ).toBe(400);
  }
});

test("lying lengths change nothing", async () => {
  const dzuuid = "liar";
  const lies: [Record<string, string>, number][] = [
    [{ dzchunkbyteoffset: "0", dzchunksize: "10", dztotalfilesize: "9007199254740991" }, 400],
    [{ dzchunkbyteoffset: "9007199254740986", dzchunksize: "10", dztotalfilesize: "9007199254740991" }, 413],
    [{ dzchunkbyteoffset: "-9007199254740991", dzchunksize: "10", dztotalfilesize: "5" }, 400],
    [{ dzchunkbyteoffset: "1e3", dzchunksize: "10", dztotalfilesize: "5" }, 400],
    [{ dzchunkbyteoffset: "0", dzchunksize: "Infinity", dztotalfilesize: "5" }, 400],
  ];
  for (const [fields, status] of lies) {
    expect({ fields, status: (await post({ ...fields, dzuuid }, "12345", "x.csv"))[0] }).toEqual({
      fields,
      status,
    });
  }
  expect((await service.uploads.get(`dropzone:${dzuuid}`))?.coverage ?? []).toEqual([]);
});

test("forms made to hurt are refused", async () => {
  const field = (name: string, value: string) =>
    `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const part = `--B\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\nx\r\n`;
  expect(await postRaw(`${field("a", "b").repeat(10_000)}${part}--B--\r\n`)).toBe(400);
  expect(await postRaw(`${field("dzuuid", "x".repeat(1_000_000))}${part}--B--\r\n`)).toBe(400);
  expect(await postRaw(`${part.repeat(50)}--B--\r\n`)).toBe(400);
  expect(await postRaw(`--B\r\n${"X-Header: y\r\n".repeat(100_000)}\r\nx\r\n--B--\r\n`)).toBe(400);
  expect(await postRaw(`--B\r\n${"X".repeat(1_000_000)}`)).toBe(400);
  expect(await postRaw(`${part.replace('name="file"', 'name="other"')}--B--\r\n`)).toBe(400);
  expect(await postRaw(new Uint8Array(1_000_000))).toBe(400);
});

test("random bytes after a true beginning never end the service", async () => {
  const part = Buffer.from(`--B\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n`);
  for (let round = 0; round < 100; round++) {
    const noise = crypto.getRandomValues(new Uint8Array(1 + round * 50));
    const cut = part.subarray(0, 1 + ((round * 7) % part.length));
    expect(await postRaw(Buffer.concat([cut, noise]))).toBeOneOf([200, 400]);
  }
  expect(service.errors).toEqual([]);
});

test("nothing a caller named has become a path, and nothing refused is left staged", async () => {
  expect((await readdir(folder.at())).toSorted()).toEqual(
    [
      "blobs",
      "records.sqlite",
      "records.sqlite-shm",
      "records.sqlite-wal",
      "records.sqlite.lock",
      "staging",
      "temporary",
    ].toSorted(),
  );
  expect(await readdir(folder.at("staging"))).toHaveLength(
    (await service.uploads.page({ limit: 1000, state: "arriving" })).records.filter(
      ({ staging }) => !staging.startsWith("s-"),
    ).length,
  );
});
