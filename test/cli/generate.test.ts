// `cairn generate` as a user runs it.

import { describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const cairn = (...args: string[]) => run([CAIRN, "generate", ...args]);

describe("logs", () => {
  const plan = ["--days", "3", "--files", "11", "--lines", "40", "--end", "2026-03-01", "--seed", "5"];

  test("are named by day and serial, and sorted by their bytes", async () => {
    await using folder = await temporaryFolder();
    expect((await cairn("logs", "--path", folder.at("logs"), ...plan)).code).toBe(0);
    const names = await readdir(folder.at("logs"));
    const days = ["2026-02-27", "2026-02-28", "2026-03-01"];
    expect(names.sort()).toEqual(
      days.flatMap((day) => Array.from({ length: 11 }, (_, serial) => `${day}_${serial}.log`)).sort(),
    );
    for (const name of names) {
      const text = await readFile(folder.at("logs", name), "utf8");
      const lines = text.slice(0, -1).split("\n");
      expect(lines).toHaveLength(40);
      expect(lines).toEqual([...lines].sort());
      for (const line of lines)
        expect(line).toMatch(/^\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d (\d+\.){3}\d+ \S.* \/\S*$/);
      expect(lines[0]?.slice(0, 10)).toBe(name.slice(0, 10));
    }
  });

  test("are the same for the same seed, and others for another", async () => {
    await using folder = await temporaryFolder();
    const made = async (into: string, seed: string) => {
      await cairn("logs", "--path", folder.at(into), ...plan.slice(0, -1), seed);
      return readFile(folder.at(into, "2026-03-01_10.log"), "utf8");
    };
    const first = await made("a", "5");
    expect(await made("b", "5")).toBe(first);
    expect(await made("c", "6")).not.toBe(first);
  });

  test("count back from today", async () => {
    await using folder = await temporaryFolder();
    const today = () => new Date().toISOString().slice(0, 10);
    const before = today();
    await cairn("logs", "-path", folder.at("x"), "-days", "1", "-files", "1", "-lines", "1");
    expect([`${before}_0.log`, `${today()}_0.log`]).toContain((await readdir(folder.at("x")))[0] ?? "");
  });
});

describe("plays", () => {
  test("are a CSV of as many rows as asked for, with quoted names among them", async () => {
    const { code, stdout } = await cairn(
      "plays",
      "--path",
      "-",
      "--rows",
      "9000",
      "--songs",
      "100",
      "--seed",
      "1",
    );
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("Song,Date,Number of Plays");
    expect(lines).toHaveLength(9_001);
    const songs = new Set<string>();
    for (const line of lines.slice(1)) {
      const [, song] = /^("(?:[^"]|"")+"|[^",]+),\d{4}-\d\d-\d\d,[1-9]\d*$/.exec(line) ?? [];
      songs.add(song ?? line);
    }
    expect(songs.size).toBe(100);
    expect([...songs].some((song) => song.includes('""'))).toBe(true);
    expect([...songs].some((song) => /^"[^"]*,/.test(song))).toBe(true);
  });

  test("go into a file, the same for the same seed", async () => {
    await using folder = await temporaryFolder();
    for (const name of ["a.csv", "b.csv"]) {
      expect(
        (
          await cairn(
            "plays",
            "--path",
            folder.at(name),
            "--rows",
            "500",
            "--seed",
            "9",
            "--end",
            "2026-01-01",
          )
        ).code,
      ).toBe(0);
    }
    expect(await readFile(folder.at("a.csv"), "utf8")).toBe(await readFile(folder.at("b.csv"), "utf8"));
  });
});

test("ascii makes text images of some hundred bytes to a few kilobytes", async () => {
  await using folder = await temporaryFolder();
  expect((await cairn("ascii", "--path", folder.at("art"), "--files", "20", "--seed", "2")).code).toBe(0);
  const images = await Promise.all(
    (await readdir(folder.at("art"))).map((name) => readFile(folder.at("art", name), "utf8")),
  );
  expect(new Set(images).size).toBe(20);
  for (const image of images) {
    expect(image).toMatch(/^[\x20-\x7e\n]+\n$/);
    expect(image.length).toBeWithin(200, 5_000);
  }
});

test("bad requests say what is wrong", async () => {
  const cases: [string[], string][] = [
    [["nothing"], "nothing called"],
    [["logs"], "--path is missing"],
    [["logs", "--path", "x", "--end", "2026-02-30"], "2026-02-30"],
    [["plays", "--path", "x", "--songs", "0"], "--songs: 0 is less than 1"],
    [["logs", "--path", "x", "--days", "-1"], "--days"],
  ];
  for (const [args, message] of cases) {
    const { code, output } = await cairn(...args);
    expect(code).not.toBe(0);
    expect(output).toContain(message);
  }
});
