// Values of 1 GB through the memcached door of the real program: whole, durable, in bounded memory, and in nobody's way.

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { Cairn } from "../support/cairn.ts";
import { figure } from "../support/figures.ts";
import { LargeItemClient, valueDigest } from "../support/large-item-client.ts";
import { temporaryFolder } from "../support/temporary.ts";

const MEGABYTE = 1_048_576;
/** An item of 1 GB: less what memcached counts for key and head. */
const SIZE = 1_024 * MEGABYTE - 256;
const flags = ["--max-item", "1gb", "--workers", "0"];

async function memory(pid: number, field: "VmHWM" | "VmRSS"): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024;
}

test("1 GB is stored, fetched, overwritten and kept across a restart, in 64 MB of memory", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("cairn.sqlite");
  const expected = valueDigest(SIZE, 1);
  {
    await using server = await Cairn.start({ database, flags });
    const client = new LargeItemClient(server.memcached);
    const idle = await memory(server.pid, "VmRSS");
    const began = performance.now();
    expect(await client.store("big", SIZE, 2)).toBe("STORED\r\n");
    const stored = performance.now();
    expect(await client.store("big", SIZE, 1)).toBe("STORED\r\n");
    const overwritten = performance.now();
    expect(await client.fetchDigest("big", SIZE)).toBe(expected);
    const fetched = performance.now();
    const over = (await memory(server.pid, "VmHWM")) - idle;
    const seconds = (from: number, to: number) => ((to - from) / 1_000).toFixed(1);
    figure(
      "a memcached value of 1 GB",
      `stored in ${seconds(began, stored)} s, overwritten in ${seconds(stored, overwritten)} s, fetched in ${seconds(overwritten, fetched)} s, ${Math.round(over)} MB over the idle server`,
    );
    expect(over).toBeLessThan(64);
  }
  // And the mark of the database.
  expect(readdirSync(`${database}-values`)).toHaveLength(2);
  await using again = await Cairn.start({ database, flags });
  expect(await new LargeItemClient(again.memcached).fetchDigest("big", SIZE)).toBe(expected);
}, 120_000);

test("eight large values at once take bounded memory, and small commands do not wait for them", async () => {
  await using folder = await temporaryFolder();
  await using server = await Cairn.start({ database: folder.at("cairn.sqlite"), flags });
  const idle = await memory(server.pid, "VmRSS");
  const size = 128 * MEGABYTE;
  const client = new LargeItemClient(server.memcached);
  let done = false;
  const stores = Promise.all(Array.from({ length: 8 }, (_, i) => client.store(`k${i}`, size, i))).then(
    (answers) => {
      done = true;
      return answers;
    },
  );
  let slowest = 0;
  let asked = 0;
  while (!done) {
    const began = performance.now();
    expect(await client.ask("set small 0 0 2\r\nhi\r\nget small\r\n", "END\r\n")).toContain("\r\nhi\r\n");
    slowest = Math.max(slowest, performance.now() - began);
    asked++;
  }
  expect(await stores).toEqual(Array.from({ length: 8 }, () => "STORED\r\n"));
  const over = (await memory(server.pid, "VmHWM")) - idle;
  figure(
    "8 values of 128 MB at once",
    `${Math.round(over)} MB over the idle server; ${asked} small sets and gets meanwhile, the slowest ${Math.round(slowest)} ms`,
  );
  expect(over).toBeLessThan(200);
  expect(asked).toBeGreaterThan(5);
  expect(await client.fetchDigest("k7", size)).toBe(valueDigest(size, 7));
}, 120_000);

test("a limit beyond 1 GB is refused", async () => {
  await using folder = await temporaryFolder();
  const start = Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--max-item", "1025mb"] });
  await expect(start).rejects.toThrow(/--max-item: 1074790400 is outside 1024 to 1073741824/);
});
