// Every adapter of bucket against the suite, and what only a folder can do.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { DiskBucket } from "../../src/adapters/disk/bucket.ts";
import { MemoryBucket } from "../../src/adapters/memory/bucket.ts";
import { S3Bucket } from "../../src/adapters/s3/bucket.ts";
import { codeOf, readAll } from "../support/bytes.ts";
import { S3Service } from "../support/s3-service.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { bucketSuite } from "./bucket.suite.ts";

bucketSuite("memory", async (objects) => ({
  bucket: new MemoryBucket(objects),
  [Symbol.asyncDispose]: async () => undefined,
}));

bucketSuite("disk", async (objects) => {
  const folder = await temporaryFolder();
  for (const [name, bytes] of objects) await Bun.write(folder.at(name), bytes);
  return { bucket: new DiskBucket(folder.path), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
});

let service: S3Service;
let buckets = 0;
beforeAll(async () => {
  service = await S3Service.start();
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

const s3BucketOf = (bucket: string, prefix = "logs/") => {
  const { endpoint, accessKeyId, secretAccessKey } = service;
  return new S3Bucket({ bucket, prefix, endpoint, accessKeyId, secretAccessKey, region: "us-east-1" });
};

bucketSuite("s3", async (objects) => {
  const name = `bucket-${buckets++}`;
  await service.createBucket(name);
  const client = service.client(name);
  await client.write("other/x", "not below the prefix");
  const names = [...objects.keys()];
  const write = async () => {
    for (let next = names.pop(); next !== undefined; next = names.pop()) {
      await client.write(`logs/${next}`, objects.get(next) ?? "");
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
  return { bucket: s3BucketOf(name), [Symbol.asyncDispose]: async () => undefined };
});

test("s3: a bucket that does not exist is `not-found`; wrong keys are `forbidden`; no service is `unreachable`", async () => {
  await expect(s3BucketOf("nope").list("")).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringContaining("s3://nope/logs/"),
  });
  await service.createBucket("guarded");
  const options = { bucket: "guarded", prefix: "", endpoint: service.endpoint, region: "us-east-1" };
  const wrong = new S3Bucket({ ...options, accessKeyId: service.accessKeyId, secretAccessKey: "wrong" });
  expect(await codeOf(wrong.list(""))).toBe("forbidden");
  expect(await codeOf(readAll(wrong.open("a")))).toBe("forbidden");
  const keys = { accessKeyId: "a", secretAccessKey: "b" };
  const nowhere = new S3Bucket({ ...options, ...keys, endpoint: "http://127.0.0.1:1" });
  expect(await codeOf(nowhere.list(""))).toBe("unreachable");
  expect(await codeOf(readAll(nowhere.open("a")))).toBe("unreachable");
}, 60_000);

test("s3: an object that is replaced while it is read is never mixed", async () => {
  await service.createBucket("changing");
  const client = service.client("changing");
  await client.write("big", new Uint8Array(3_000_000).fill(1));
  const reading = s3BucketOf("changing", "").open("big");
  expect((await reading.next()).done).toBe(false);
  await client.write("big", new Uint8Array(3_000_000).fill(2));
  expect(await codeOf(readAll(reading))).toBe("replaced");
}, 60_000);

test("disk: a folder that does not exist, or is a file, is `not-found` and named", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at("file"), "");
  for (const path of [folder.at("nope"), folder.at("file")]) {
    const bucket = new DiskBucket(path);
    await expect(bucket.list("")).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining(path),
    });
    expect(await codeOf(readAll(bucket.open("a")))).toBe("not-found");
  }
});

test("disk: links that lead out are not listed, and refused; links inside are files", async () => {
  await using outside = await temporaryFolder();
  await using folder = await temporaryFolder();
  await Bun.write(outside.at("secret"), "secret");
  await Bun.write(folder.at("dir", "real"), "real");
  await symlink(outside.at("secret"), folder.at("leak"));
  await symlink(outside.path, folder.at("leaks"));
  await symlink("dir/real", folder.at("alias"));
  await symlink("loop", folder.at("loop"));
  await symlink(".", folder.at("self"));
  await symlink("nowhere", folder.at("dangling"));
  const bucket = new DiskBucket(folder.path);
  const { objects } = await bucket.list("");
  expect(objects).toEqual([
    { name: "alias", size: 4 },
    { name: "dir/real", size: 4 },
  ]);
  expect(await codeOf(readAll(bucket.open("leak")))).toBe("invalid");
  expect(await codeOf(readAll(bucket.open("leaks/secret")))).toBe("invalid");
  expect((await bucket.list("leaks/")).objects).toEqual([]);
  expect(await codeOf(readAll(bucket.open("loop")))).toBe("not-found");
  expect(String(await readAll(bucket.open("alias")))).toBe("real");
});

test("disk: hidden files and what is no regular file are no objects", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at(".hidden"), "x");
  await Bun.write(folder.at(".git", "config"), "x");
  await mkdir(folder.at("empty"));
  expect(Bun.spawnSync(["mkfifo", folder.at("pipe")]).exitCode).toBe(0);
  const bucket = new DiskBucket(folder.path);
  expect((await bucket.list("")).objects).toEqual([]);
  for (const name of [".hidden", ".git/config", "empty", "pipe"]) {
    expect(await codeOf(readAll(bucket.open(name)))).toBe("not-found");
  }
});

test("disk: a reader that stops early leaves no handle open", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at("big"), new Uint8Array(1_000_000));
  const bucket = new DiskBucket(folder.path);
  const handles = async () => {
    const links = await readdir("/proc/self/fd");
    return links.length;
  };
  const before = await handles();
  for (let i = 0; i < 50; i += 1) for await (const piece of bucket.open("big")) if (piece.length > 0) break;
  expect(await handles()).toBeLessThan(before + 10);
});
