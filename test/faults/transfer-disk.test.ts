// A disk that is full under a download: told before the first byte where it can be, and nothing lost where it cannot.
// The disk is a small tmpfs, which only root may mount.

import { afterAll, beforeAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { download } from "../../src/client/http/index.ts";
import { isFault } from "../../src/wire/faults.ts";
import { codeOf, sha256 } from "../support/bytes.ts";
import { rangedAnswer, scriptedHttp } from "../support/scripted-http.ts";
import { diskTest, mayMount, smallDisk } from "../support/small-disk.ts";
import type { TemporaryFolder } from "../support/temporary.ts";

let folder: TemporaryFolder;

beforeAll(async () => {
  if (!mayMount) return;
  folder = await smallDisk("8m");
});
afterAll(async () => {
  if (!mayMount) return;
  await folder[Symbol.asyncDispose]();
});

diskTest("what cannot fit is refused with figures", async () => {
  const bytes = randomBytes(9_000_000);
  await using server = scriptedHttp((request) => rangedAnswer(request, bytes));
  const error = await download(`${server.origin}/a`, folder.at("file")).catch((fault: unknown) => fault);
  expect(isFault(error, "no-space") && error.message).toMatch(
    /needs 9000000 bytes more, and the disk has \d+$/,
  );
  expect(await readdir(folder.path)).toEqual([]);
  expect(server.asked).toEqual(["HEAD /a"]);
});

diskTest("a disk that fills meanwhile keeps what is there; with space it goes on", async () => {
  const bytes = randomBytes(6_000_000);
  await using server = scriptedHttp((request) => rangedAnswer(request, bytes));
  let filler: Promise<void> | undefined;
  const failed = download(`${server.origin}/a`, folder.at("file"), {
    parallel: 1,
    onProgress: ({ done }) => {
      if (done > 1_000_000)
        filler ??= writeFile(folder.at("filler"), Buffer.alloc(8_000_000)).catch(() => undefined);
    },
  });
  expect(await codeOf(failed)).toBe("no-space");
  await filler;
  await rm(folder.at("filler"));
  const done = await download(`${server.origin}/a`, folder.at("file"));
  expect(done).toMatchObject({ sha256: sha256(bytes), size: 6_000_000 });
  expect(sha256(await readFile(folder.at("file")))).toBe(sha256(bytes));
  expect(await readdir(folder.path)).toEqual(["file"]);
});
