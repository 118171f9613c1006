// Uploads to the real program: whole, compared by digest, over a network that cuts, and across kill -9 and processes.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { appendFile, readdir, writeFile } from "node:fs/promises";
import { folderStore, upload } from "../../../src/client/http/index.ts";
import type { FilePage, UploadPage } from "../../../src/wire/api.ts";
import { type BadNetwork, badNetwork } from "../../support/bad-network.ts";
import { codeOf, sha256, stream } from "../../support/bytes.ts";
import { Cairn } from "../../support/cairn.ts";
import { failureOf } from "../../support/failure.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(30_000);

const SIZE = 15_000_001;
const bytes = randomBytes(SIZE);
const digest = sha256(bytes);
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;

const start = () => Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });

beforeAll(async () => {
  folder = await temporaryFolder();
  cairn = await start();
  network = await badNetwork(cairn.http);
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

let sources = 0;
/** A file of its own, so that no test takes up what another has begun. */
async function freshFile(content: Uint8Array = bytes): Promise<string> {
  const path = folder.at(`source-${++sources}.bin`);
  await writeFile(path, content);
  return path;
}
const options = () => ({ url: `${network.origin}/uploads`, store: folderStore(folder.at("state")) });
const noted = () => readdir(folder.at("state")).catch(() => []);
async function content(fileUrl: string | undefined): Promise<string> {
  return sha256(await (await fetch(fileUrl ?? "")).bytes());
}
async function filesNamed(name: string): Promise<FilePage["files"]> {
  const page = (await (await fetch(`${cairn.http}/api/files?prefix=${name}`)).json()) as FilePage;
  return page.files;
}

describe("a file", () => {
  test("becomes the same file there", async () => {
    const path = await freshFile();
    const seen: number[] = [];
    const done = await upload(path, {
      ...options(),
      name: "größe.bin",
      mediaType: "application/x-things",
      onProgress: ({ done: so, total }) => {
        expect(total).toBe(SIZE);
        seen.push(so);
      },
    });
    expect(done).toMatchObject({ name: "größe.bin", size: SIZE, sha256: digest, verified: true, resumed: 0 });
    expect(await content(done.fileUrl)).toBe(digest);
    const record = await (await fetch(`${cairn.http}/api/files/${done.id}`)).json();
    expect(record).toMatchObject({ name: "größe.bin", mediaType: "application/x-things", sha256: digest });
    expect([seen[0], seen.at(-1), seen.length > 5]).toEqual([0, SIZE, true]);
    expect(await noted()).toEqual([]);
  });

  test("in parallel parts that the server joins", async () => {
    const path = await freshFile();
    const done = await upload(path, { ...options(), parallel: 3, name: "joined.bin" });
    expect(done).toMatchObject({ size: SIZE, sha256: digest, verified: true });
    expect(await filesNamed("joined.bin")).toMatchObject([{ id: done.id, sha256: digest }]);
  });

  test.each([0, 1, 1_048_576, 1_048_577])("of %i bytes", async (size) => {
    const path = await freshFile(bytes.subarray(0, size));
    const done = await upload(path, { ...options(), parallel: 2 });
    expect(done).toMatchObject({ size, sha256: sha256(bytes.subarray(0, size)), verified: true });
  });

  test("without checksums and without a digest of our own", async () => {
    const path = await freshFile(bytes.subarray(0, 3_000_000));
    const done = await upload(path, { ...options(), checksum: false, verify: false });
    expect(done).toMatchObject({ sha256: sha256(bytes.subarray(0, 3_000_000)), verified: false });
  });

  test("that is not there, and a server that is not there", async () => {
    expect(await codeOf(upload(folder.at("nothing"), options()))).toBe("not-found");
    expect(await codeOf(upload(folder.path, options()))).toBe("invalid");
    const path = await freshFile(bytes.subarray(0, 10));
    const nowhere = { ...options(), url: "http://127.0.0.1:1/uploads", patience: 0 };
    expect(await codeOf(upload(path, nowhere))).toBe("unreachable");
    expect(await codeOf(upload(path, { ...options(), parallel: 33 }))).toBe("invalid");
  });

  test("that is not what its caller says fails there", async () => {
    const path = await freshFile(bytes.subarray(0, 2_000_000));
    const wrong = { ...options(), name: "wrong.bin", sha256: "0".repeat(64) };
    expect(await codeOf(upload(path, wrong))).toBe("mismatch");
    expect(await filesNamed("wrong.bin")).toEqual([]);
  });

  test("that changes meanwhile leaves nothing there", async () => {
    const path = await freshFile();
    let _changing: Promise<void> | undefined;
    const onProgress = ({ done }: { done: number }) => {
      if (done > SIZE / 2) _changing ??= appendFile(path, "more");
    };
    expect(await codeOf(upload(path, { ...options(), name: "changed.bin", onProgress }))).toBe("replaced");
    expect(await filesNamed("changed.bin")).toEqual([]);
  });
});

describe("other sources", () => {
  test.each([
    ["of unknown length", SIZE],
    ["of nothing", 0],
    ["as long as one chunk", 1_048_576],
  ])("a stream %s", async (_, size) => {
    const whole = bytes.subarray(0, size);
    const pieces = Array.from({ length: Math.ceil(size / 700_001) }, (_, i) =>
      whole.subarray(i * 700_001, (i + 1) * 700_001),
    );
    const done = await upload(stream(...pieces), { ...options(), name: "stream" });
    expect(done).toMatchObject({ size, sha256: sha256(whole), verified: true });
  });

  test("bytes, a Blob, and a web stream", async () => {
    const some = bytes.subarray(0, 100_000);
    for (const source of [some, new Blob([some]), new Blob([some]).stream()]) {
      expect(await upload(source, { ...options(), name: "some" })).toMatchObject({ sha256: sha256(some) });
    }
  });

  test("a stream that breaks fails the upload with its own error", async () => {
    const broken = stream(bytes.subarray(0, 5_000), new Error("the tape tore"));
    expect((await failureOf(upload(broken, { ...options(), name: "broken" }))).message).toContain(
      "the tape tore",
    );
  });
});

describe("over a bad network", () => {
  test.each([1, 3])("every connection is cut after 2.5 MB, %i parts at once", async (parallel) => {
    const path = await freshFile();
    network.cutAfter(2_500_000);
    const done = await upload(path, { ...options(), parallel });
    network.cutAfter(undefined);
    expect(done).toMatchObject({ size: SIZE, sha256: digest, verified: true });
    expect(await content(done.fileUrl)).toBe(digest);
  });

  test("the server is killed with -9 in the middle, and comes back on another port", async () => {
    const path = await freshFile();
    let killed: Promise<unknown> | undefined;
    const done = await upload(path, {
      ...options(),
      parallel: 2,
      onProgress: ({ done: so }) => {
        if (so < SIZE / 4 || killed) return;
        killed = cairn.kill().then(async () => {
          cairn = await start();
          network.connectTo(cairn.http);
        });
      },
    });
    await killed;
    expect(done).toMatchObject({ sha256: digest, verified: true });
  });

  test("a server that falls silent is left, and found again", async () => {
    const path = await freshFile();
    network.freezeAfter(SIZE / 3);
    const uploading = upload(path, { ...options(), idleTimeout: 300 });
    await until("the network is silent", () => network.isFrozen);
    const { connections } = network;
    await until("another connection is tried", () => network.connections > connections);
    network.freeze(false);
    expect(await uploading).toMatchObject({ sha256: digest, verified: true });
  });

  test("a stream survives cuts too", async () => {
    network.cutAfter(2_500_000);
    const pieces = Array.from({ length: 30 }, (_, i) => bytes.subarray(i * 300_000, (i + 1) * 300_000));
    const done = await upload(stream(...pieces), { ...options(), name: "tape" });
    network.cutAfter(undefined);
    expect(done).toMatchObject({ size: 9_000_000, sha256: sha256(bytes.subarray(0, 9_000_000)) });
  });

  test.each([1, 3])("an aborted upload of %i parts is taken up by the next call", async (parallel) => {
    const path = await freshFile();
    const controller = new AbortController();
    const first = upload(path, {
      ...options(),
      parallel,
      signal: controller.signal,
      onProgress: ({ done: so }) => so > SIZE / 2 && controller.abort(new Error("enough")),
    });
    expect((await failureOf(first)).message).toContain("enough");
    await first.catch(() => undefined);
    expect((await noted()).length).toBe(1);
    const before = network.sent;
    // What it was begun with stands, whatever is asked for now.
    const done = await upload(path, { ...options(), parallel: 2 });
    expect(done).toMatchObject({ sha256: digest, verified: true });
    expect(done.resumed).toBeGreaterThan(SIZE / 3);
    expect(network.sent - before).toBeLessThan(SIZE - done.resumed + 100_000);
    expect(await noted()).toEqual([]);
  });

  test("an upload that was removed there begins anew", async () => {
    const path = await freshFile();
    const controller = new AbortController();
    const first = upload(path, {
      ...options(),
      signal: controller.signal,
      onProgress: ({ done: so }) => so > SIZE / 2 && controller.abort(),
    });
    await first.catch(() => undefined);
    const { uploads } = (await (await fetch(`${cairn.http}/api/uploads`)).json()) as UploadPage;
    const begun = uploads.find(({ state, protocol }) => state === "arriving" && protocol === "tus");
    await fetch(`${cairn.http}/api/uploads/${encodeURIComponent(begun?.id ?? "")}`, { method: "DELETE" });
    expect(await upload(path, options())).toMatchObject({ resumed: 0, sha256: digest, verified: true });
  });
});
