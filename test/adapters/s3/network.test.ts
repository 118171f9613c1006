// A real S3 service behind a network that cuts connections: objects arrive whole, both ways, or not at all.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { S3Blobs } from "../../../src/adapters/s3/blobs.ts";
import { S3Bucket } from "../../../src/adapters/s3/bucket.ts";
import { type BadNetwork, badNetwork } from "../../support/bad-network.ts";
import { codeOf, readAll, sha256, stream } from "../../support/bytes.ts";
import { S3Service } from "../../support/s3-service.ts";

let service: S3Service;
let network: BadNetwork;
beforeAll(async () => {
  service = await S3Service.start();
  await service.createBucket("far");
  network = await badNetwork(service.endpoint);
}, 120_000);
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

const options = () => {
  const { accessKeyId, secretAccessKey } = service;
  const keys = { accessKeyId, secretAccessKey, region: "us-east-1" };
  return { bucket: "far", prefix: "", endpoint: network.origin, ...keys };
};
const BYTES = crypto.getRandomValues(new Uint8Array(65_536));
const pieces = (count: number) => Array.from({ length: count }, () => BYTES);

test("an upload whose connections are cut again and again is whole", async () => {
  const blobs = new S3Blobs(options());
  const before = network.connections;
  // A part of 8 MiB passes on one connection, a second one does not.
  network.cutAfter(12_000_000);
  const { sha256: digest } = await blobs.put("up", stream(...pieces(600)));
  expect(network.connections).toBeGreaterThan(before + 3);
  network.cutAfter(undefined);
  expect(digest).toBe(sha256(Buffer.concat(pieces(600))));
  expect(sha256(await readAll(await blobs.open("up")))).toBe(digest);
}, 60_000);

test("a download whose connections are cut again and again is whole", async () => {
  const bucket = new S3Bucket(options());
  await service.client("far").write("down", Buffer.concat(pieces(300)));
  network.cutAfter(5_000_000);
  expect(sha256(await readAll(bucket.open("down")))).toBe(sha256(Buffer.concat(pieces(300))));
  network.cutAfter(undefined);
}, 60_000);

test("a reader that idles while its connection is closed goes on where it was", async () => {
  const bucket = new S3Bucket(options());
  await service.client("far").write("idle", Buffer.concat(pieces(40)));
  const reading = bucket.open("idle");
  const read: Uint8Array[] = [];
  for (let next = await reading.next(); next.done !== true; next = await reading.next()) {
    read.push(next.value);
    if (read.length % 4 === 0) network.cut();
  }
  expect(sha256(Buffer.concat(read))).toBe(sha256(Buffer.concat(pieces(40))));
}, 60_000);

test("an upload that the network ends leaves no blob", async () => {
  const blobs = new S3Blobs(options());
  // Less than a part: none ever arrives.
  network.cutAfter(1_000_000);
  expect(await codeOf(blobs.put("never", stream(...pieces(400))))).toBe("unreachable");
  network.cutAfter(undefined);
  expect(await blobs.stat("never")).toBeUndefined();
  expect(await service.unfinishedUploads("far")).toBe(0);
}, 60_000);
