// Downloads from the real program: whole and verified or not at all, over a network that cuts, and across kill -9.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { download, downloadBlob } from "../../../src/client/http/index.ts";
import { type BadNetwork, badNetwork } from "../../support/bad-network.ts";
import { codeOf, sha256 } from "../../support/bytes.ts";
import { Cairn } from "../../support/cairn.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";
import { type UploadedFile, uploadPlain } from "../../support/uploaded-file.ts";

setDefaultTimeout(30_000);

const SIZE = 30_000_001;
const bytes = randomBytes(SIZE);
const digest = sha256(bytes);
let folder: TemporaryFolder;
let cairn: Cairn;
let file: UploadedFile;
let empty: UploadedFile;
let network: BadNetwork;

beforeAll(async () => {
  folder = await temporaryFolder();
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  file = await uploadPlain(cairn.http, bytes, "größe 1.csv");
  empty = await uploadPlain(cairn.http, new Uint8Array(), "empty.csv");
  network = await badNetwork(cairn.http);
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

const viaNetwork = () => `${network.origin}/files/${file.id}`;
let targets = 0;
async function freshTarget(): Promise<{ path: string; names: () => Promise<string[]> }> {
  const place = folder.at(`target-${++targets}`);
  await mkdir(place);
  return { path: `${place}/file`, names: () => readdir(place) };
}

describe("to a file", () => {
  test("by parallel ranges, verified, with nothing left beside it", async () => {
    const { path, names } = await freshTarget();
    const seen: number[] = [];
    const done = await download(file.url, path, {
      parallel: 3,
      onProgress: ({ done: so, total }) => {
        expect(total).toBe(SIZE);
        seen.push(so);
      },
    });
    const facts = { size: SIZE, sha256: digest, verified: true, resumed: 0, name: "größe 1.csv" };
    expect(done).toMatchObject({ url: file.url, ...facts });
    expect(sha256(await readFile(path))).toBe(digest);
    expect(await names()).toEqual(["file"]);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect([seen[0], seen.at(-1)]).toEqual([0, SIZE]);
  });

  test("of no bytes", async () => {
    const { path } = await freshTarget();
    expect(await download(empty.url, path)).toMatchObject({ size: 0, verified: true });
    expect((await stat(path)).size).toBe(0);
  });

  test("in the place of another: its mode is kept, and a link to it followed", async () => {
    const { path } = await freshTarget();
    await writeFile(path, "old");
    await chmod(path, 0o640);
    await symlink(path, `${path}.link`);
    await download(file.url, `${path}.link`);
    expect(sha256(await readFile(path))).toBe(digest);
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  test("what is not there, and what cannot be written, are told apart", async () => {
    const { path, names } = await freshTarget();
    expect(await codeOf(download(`${cairn.http}/files/nothing`, path))).toBe("not-found");
    expect(await codeOf(download(file.url, folder.path))).toBe("invalid");
    expect(await codeOf(download(file.url, `${path}/in/nothing`))).toBe("invalid");
    expect(await codeOf(download("http://127.0.0.1:1/a", path, { patience: 0 }))).toBe("unreachable");
    expect(await codeOf(download(file.url, path, { parallel: 0 }))).toBe("invalid");
    expect(await names()).toEqual([]);
  });

  test("two at once to one place: one of them is told", async () => {
    const { path } = await freshTarget();
    const both = [download(file.url, path), download(file.url, path)];
    const codes = await Promise.all(
      both.map((one) =>
        one.then(
          () => "done",
          ({ code }) => code,
        ),
      ),
    );
    expect(codes.sort()).toEqual(["busy", "done"]);
  });

  test("a digest that the caller knows better fails before the first byte", async () => {
    const { path, names } = await freshTarget();
    expect(await codeOf(download(file.url, path, { sha256: "0".repeat(64) }))).toBe("mismatch");
    expect(await names()).toEqual([]);
  });
});

describe("to other places", () => {
  test("a stream gets the bytes in order", async () => {
    const got: Uint8Array[] = [];
    let isClosed = false;
    const target = new WritableStream<Uint8Array>({
      write: (piece) => void got.push(Uint8Array.from(piece)),
      close: () => {
        isClosed = true;
      },
    });
    expect(await download(file.url, target, { parallel: 3 })).toMatchObject({ sha256: digest });
    expect([sha256(Buffer.concat(got)), isClosed]).toEqual([digest, true]);
  });

  test("a Blob, within its limit", async () => {
    const { blob, verified } = await downloadBlob(file.url);
    expect([sha256(await blob.bytes()), verified]).toEqual([digest, true]);
    expect(await codeOf(downloadBlob(file.url, { limit: SIZE - 1 }))).toBe("too-large");
  });
});

describe("over a bad network", () => {
  test("every connection is cut after 3 MB: it goes on where it was, and asks for nothing twice", async () => {
    const { path } = await freshTarget();
    network.cutAfter(3_000_000);
    const before = network.received;
    const done = await download(viaNetwork(), path, { parallel: 2 });
    network.cutAfter(undefined);
    expect(done).toMatchObject({ size: SIZE, sha256: digest, verified: true });
    expect(sha256(await readFile(path))).toBe(digest);
    // What was under way when a connection was cut is lost, and no more.
    expect(network.received - before).toBeLessThan(SIZE * 1.5);
  });

  test("a server that falls silent is left, and found again", async () => {
    const { path } = await freshTarget();
    network.freezeAfter(SIZE / 3);
    const downloading = download(viaNetwork(), path, { idleTimeout: 300 });
    await until("the network is silent", () => network.isFrozen);
    const { connections } = network;
    await until("another connection is tried", () => network.connections > connections);
    network.freeze(false);
    expect(await downloading).toMatchObject({ sha256: digest, verified: true });
  });

  test("patience that ends leaves what is there, and the next call takes it up", async () => {
    const { path, names } = await freshTarget();
    const controller = new AbortController();
    const first = download(viaNetwork(), path, {
      signal: controller.signal,
      onProgress: ({ done: so }) => so > SIZE / 2 && controller.abort(),
    });
    expect(await codeOf(first)).not.toBe("done");
    expect((await names()).sort()).toEqual([".file.cairn-part", ".file.cairn-part.json"]);
    const before = network.received;
    const done = await download(viaNetwork(), path);
    expect(done).toMatchObject({ sha256: digest, verified: true });
    expect(done.resumed).toBeGreaterThan(SIZE / 2);
    expect(network.received - before).toBeLessThan(SIZE / 2 + 100_000);
    expect(await names()).toEqual(["file"]);
  });

  test("damage to what an earlier run has kept is found at the end, and nothing is kept of it", async () => {
    const { path, names } = await freshTarget();
    const controller = new AbortController();
    const first = download(viaNetwork(), path, {
      signal: controller.signal,
      parallel: 1,
      onProgress: ({ done: so }) => so > SIZE / 2 && controller.abort(),
    });
    await codeOf(first);
    const part = path.replace("/file", "/.file.cairn-part");
    const damaged = await readFile(part);
    damaged[5] = (damaged[5] ?? 0) ^ 1;
    await writeFile(part, damaged);
    expect(await codeOf(download(viaNetwork(), path))).toBe("mismatch");
    expect(await names()).toEqual([]);
    expect(await download(viaNetwork(), path)).toMatchObject({ resumed: 0, sha256: digest });
  });

  test("the server is killed with -9 in the middle, and comes back on another port", async () => {
    const { path } = await freshTarget();
    let killed: Promise<unknown> | undefined;
    const done = await download(viaNetwork(), path, {
      parallel: 2,
      onProgress: ({ done: so }) => {
        if (so < SIZE / 4 || killed) return;
        killed = cairn.kill().then(async () => {
          cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
          network.connectTo(cairn.http);
        });
      },
    });
    await killed;
    expect(done).toMatchObject({ sha256: digest, verified: true });
    expect(sha256(await readFile(path))).toBe(digest);
  });
});
