// What stats counts, against what memcached counts for the same commands.

import { expect, test } from "bun:test";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { exchange, serveKv } from "../../support/memcached-wire.ts";

const COMPARED = [
  ...["cmd_get", "get_hits", "get_misses", "cmd_set", "cmd_touch", "touch_hits", "touch_misses", "cmd_meta"],
  ...["delete_hits", "delete_misses", "incr_hits", "incr_misses", "decr_hits", "decr_misses"],
  ...["cas_hits", "cas_misses", "cas_badval", "curr_items", "store_too_large"],
];

const CLASSIC = [
  ...[
    "set a 0 0 1",
    "x",
    "get a b",
    "gets a",
    "add a 0 0 1",
    "y",
    "replace b 0 0 1",
    "y",
    "append a 0 0 1",
    "z",
  ],
  ...[
    "cas a 0 0 1 18446744073709551615",
    "q",
    "cas nope 0 0 1 5",
    "q",
    "touch a 0",
    "touch nope 0",
    "gat 0 a nope",
  ],
  ...[
    "set n 0 0 1",
    "5",
    "incr n 1",
    "incr nope 1",
    "decr n 1",
    "decr nope 1",
    "incr a 1",
    "delete a",
    "delete a",
  ],
];
const META = [
  ...["ms a 1", "x", "mg a v", "mg nope v", "mg a T0", "mg nope T0", "ms a 1 C18446744073709551615", "y"],
  ...[
    "ms nope 1 C1",
    "x",
    "md a I",
    "md a C1",
    "md a",
    "md a",
    "ma n",
    "ma n N0",
    "ma n",
    "ma n MD",
    "ma z MD",
    "ma z MD N0",
  ],
  ...["me n", "me y", "mg viv N0", "ms b 1 ME", "x", "ms b 1 ME", "y", "mg b", "ma b", "ms b 1 MA", "x"],
];

async function figuresOf(port: number, lines: readonly string[]): Promise<Record<string, string>> {
  await exchange(port, "flush_all\r\nmn\r\n", "MN\r\n");
  await exchange(port, "stats reset\r\n", "RESET\r\n");
  await exchange(port, `${lines.join("\r\n")}\r\nmn\r\n`, "MN\r\n");
  const { text } = await exchange(port, "stats\r\n", "END\r\n");
  const all = new Map(text.split("\r\n").map((line) => line.split(" ").slice(1) as [string, string]));
  return Object.fromEntries(COMPARED.map((name) => [name, all.get(name) ?? "missing"]));
}

for (const [name, lines] of [
  ["classic", CLASSIC],
  ["meta", META],
] as const) {
  test(`${name} commands are counted as memcached counts them`, async () => {
    await using memcached = await MemcachedServer.start();
    await using server = serveKv();
    expect(await figuresOf(server.port, lines)).toEqual(await figuresOf(memcached.port, lines));
  });
}
