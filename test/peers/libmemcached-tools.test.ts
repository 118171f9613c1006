// libmemcached's command line tools (Debian's libmemcached-tools), against the server: one after the other, as in a shell.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { serveKv } from "../support/memcached-wire.ts";
import { run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("memcping, memccp, memccat, memcexist, memctouch, memcdump, memcstat, memcrm, memcflush", async () => {
  await using folder = await temporaryFolder();
  const clock = new ManualClock();
  // It asks whether a key is there by an add that is expired already.
  const rules = createRules({ expire: true });
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "full", rules, clock });
  await using server = serveKv({ kv, clock });
  const servers = `--servers=127.0.0.1:${server.port}`;
  const tool = (name: string, ...rest: string[]) => run([name, servers, ...rest]);

  expect((await tool("memcping")).code).toBe(0);
  const file = folder.at("value.bin");
  const bytes = randomBytes(300_000);
  writeFileSync(file, bytes);
  expect((await tool("memccp", file)).code).toBe(0);
  const copy = folder.at("copy.bin");
  expect((await tool("memccat", `--file=${copy}`, "value.bin")).code).toBe(0);
  expect(readFileSync(copy).equals(bytes)).toBe(true);
  expect((await tool("memcexist", "value.bin")).code).toBe(0);
  expect((await tool("memcexist", "nope")).code).not.toBe(0);
  expect((await tool("memctouch", "--expire=100", "value.bin")).code).toBe(0);
  expect((await tool("memcdump")).output).toContain("value.bin");
  expect((await tool("memcstat")).output).toMatch(/curr_items: 1\b/);
  expect((await tool("memcrm", "value.bin")).code).toBe(0);
  expect((await tool("memccat", `--file=${folder.at("none")}`, "value.bin")).code).not.toBe(0);
  expect((await tool("memccp", file)).code).toBe(0);
  expect((await tool("memcflush")).code).toBe(0);
  expect((await kv.stats()).items).toBe(0);
}, 60_000);

test("memcslap loads it from several connections without an error", async () => {
  await using folder = await temporaryFolder();
  const clock = new ManualClock();
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "normal", rules: createRules(), clock });
  await using server = serveKv({ kv, clock });
  const { code, output } = await run([
    "memcslap",
    `--servers=127.0.0.1:${server.port}`,
    ...["--concurrency=4", "--execute-number=500", "--initial-load=500", "--test=get"],
  ]);
  expect(output).not.toMatch(/fail|error/i);
  expect(code).toBe(0);
}, 60_000);
