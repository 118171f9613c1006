// `cairn health`, asked of servers that live, half live, and do not.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { hashPassword } from "../../src/compute/password-hash.ts";
import { Cairn } from "../support/cairn.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const DOORS = ["memcached", "http", "image", "merge"] as const;

const portsOf = (cairn: Cairn) => DOORS.map((door) => (cairn[door].split(":").at(-1) ?? "").replace("/", ""));

test("all doors answer, with a password too; the variables of the server are its own", async () => {
  await using folder = await temporaryFolder();
  writeFileSync(folder.at("users"), `alice:${await hashPassword("sesame")}\n`);
  const flags = ["--workers", "0", "--auth-file", folder.at("users")];
  await using cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags });
  const ports = portsOf(cairn);
  const env = Object.fromEntries(
    DOORS.map((door, i) => [`CAIRN_${door.toUpperCase()}_PORT`, ports[i] ?? ""]),
  );
  const asked = await run([CAIRN, "health"], { env: { ...env, CAIRN_HOST: "0.0.0.0" } });
  expect([asked.code, asked.stdout.trim().split("\n").sort()]).toEqual([
    0,
    [
      `dashboard on port ${ports[1]}: ok`,
      `images on port ${ports[2]}: ok`,
      `memcached on port ${ports[0]}: ok`,
      `merges on port ${ports[3]}: ok`,
    ],
  ]);
});

test("a door that does not answer is named; one that is closed is not asked", async () => {
  await using folder = await temporaryFolder();
  await using cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  const [memcached = "", http = ""] = portsOf(cairn);
  const off = ["--image-port", "off", "--merge-port", "off"];
  const swapped = await run([CAIRN, "health", "--memcached-port", http, "--http-port", memcached, ...off]);
  expect(swapped.code).toBe(8);
  expect(swapped.stdout).toMatch(/memcached on port \d+: answered "HTTP/);
  expect(swapped.stdout).not.toContain("images");
  expect(swapped.output).toContain("not every door on 127.0.0.1 answers");
  const gone = await run([CAIRN, "health", "--memcached-port", "1", "--http-port", "off", ...off]);
  expect([gone.code, gone.stdout]).toEqual([8, expect.stringContaining("memcached on port 1: ")]);
});
