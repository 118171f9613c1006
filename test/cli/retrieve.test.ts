// Where `cairn retrieve` writes: whole or not at all, through links, over files, into pipes and devices.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { constants } from "node:fs";
import { chmod, lstat, open, readdir, readFile, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { openTarget } from "../../src/cli/output-file.ts";
import { bytesText, progressBar, progressLine } from "../../src/cli/progress.ts";
import { failureOf } from "../support/failure.ts";
import { run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

test("the file appears with the last byte, and keeps the mode of the one it replaces", async () => {
  const path = folder.at("f");
  await writeFile(path, "old");
  await chmod(path, 0o600);
  const target = await openTarget(path);
  await target.write(Buffer.from("new"));
  expect(await readFile(path, "utf8")).toBe("old");
  await target.finish();
  expect(await readFile(path, "utf8")).toBe("new");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder.path)).toEqual(["f"]);
});

test("a failure leaves the old file and nothing beside it", async () => {
  const target = await openTarget(folder.at("f"));
  await target.write(Buffer.from("half"));
  await target.discard();
  await target.discard();
  expect(await readFile(folder.at("f"), "utf8")).toBe("new");
  expect(await readdir(folder.path)).toEqual(["f"]);
});

test("a link stays a link, a device a device, and what cannot be written is named", async () => {
  await symlink(folder.at("f"), folder.at("link"));
  const target = await openTarget(folder.at("link"));
  await target.write(Buffer.from("through"));
  await target.finish();
  expect((await lstat(folder.at("link"))).isSymbolicLink()).toBe(true);
  expect(await readFile(folder.at("f"), "utf8")).toBe("through");
  const device = await openTarget("/dev/null");
  await device.write(Buffer.from("x"));
  await device.finish();
  expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
  await expect(openTarget(folder.path)).rejects.toMatchObject({ code: "invalid" });
  await expect(openTarget(folder.at("no", "such"))).rejects.toMatchObject({ code: "invalid" });
});

test.each(["日".repeat(85), `${"é".repeat(127)}x`, "x".repeat(255)])(
  "a name of 255 bytes: %s",
  async (name) => {
    const target = await openTarget(folder.at(name));
    await target.write(Buffer.from("long"));
    await target.finish();
    expect(await readFile(folder.at(name), "utf8")).toBe("long");
    await unlink(folder.at(name));
    expect(await readdir(folder.path)).toEqual(["f", "link"]);
  },
);

test("a named pipe that nobody reads keeps nobody from stopping: opening it, and writing to it when it is full", async () => {
  const path = folder.at("pipe");
  await run(["mkfifo", path]);
  const opening = new AbortController();
  const opened = failureOf(openTarget(path, opening.signal));
  opening.abort(new Error("enough"));
  expect(await opened).toMatchObject({ message: expect.stringContaining("enough") });
  // Whoever reads and writes is its own other end: now the thread that still opens it can end, and the pipe fills.
  const reader = await open(path, constants.O_RDWR | constants.O_NONBLOCK);
  const writing = new AbortController();
  const target = await openTarget(path, writing.signal);
  const written = failureOf(target.write(new Uint8Array(1_048_576)));
  writing.abort(new Error("enough"));
  expect(await written).toMatchObject({ message: expect.stringContaining("enough") });
  await target.discard();
  await reader.close();
  await unlink(path);
});

test("the progress line", () => {
  const line = progressLine({ label: "storing a", done: 26_214_400, total: 52_428_800, elapsed: 500 });
  expect(line).toBe("storing a  ████████████░░░░░░░░░░░░  50 %  26.2 MB of 52.4 MB  52.4 MB/s  0:01 left");
  expect(progressLine({ label: "a", done: 1_500, total: undefined, elapsed: 1_000 })).toBe(
    "a  1.5 kB  1.5 kB/s",
  );
  expect(progressLine({ label: "a", done: 0, total: 0, elapsed: 0 })).toContain("100 %");
  expect([0, 999, 1_000, 999_949, 999_950].map(bytesText)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.0 kB",
    "999.9 kB",
    "1.0 MB",
  ]);
});

test("the bar is drawn on a terminal only, ten times a second at most", () => {
  for (const [terminal, quiet, drawn] of [
    [true, false, 3],
    [true, true, 0],
    [false, false, 0],
  ] as const) {
    const lines: string[] = [];
    const ignore = () => undefined;
    const output = {
      line: ignore,
      note: ignore,
      error: ignore,
      terminal,
      readerGone: false,
      flush: async () => undefined,
      progress: (t: string) => lines.push(t),
    };
    let time = 0;
    const bar = progressBar(output, "a", quiet, () => time);
    for (; time <= 150; time += 10) bar.update({ done: time, total: 150 });
    expect(lines).toHaveLength(drawn);
  }
});
