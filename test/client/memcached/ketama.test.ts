// The ring agrees with libmemcached's own: asked by its C interface for pools of any names, and by pylibmc on real servers.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { openLargeFiles } from "../../../src/client/memcached/index.ts";
import { DISTRIBUTIONS, type Distribution, ketama } from "../../../src/client/memcached/ketama.ts";
import { parseAddress } from "../../../src/client/memcached/servers.ts";
import { keysOn } from "../../support/memcached-keys.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { run } from "../../support/processes.ts";

/** Debian's Python, which has the binding. */
const PYTHON = "/usr/bin/python3";

const ORACLE = `
import ctypes, json, sys
lib = ctypes.CDLL("libmemcached.so.11")
lib.memcached_create.restype = ctypes.c_void_p
lib.memcached_create.argtypes = [ctypes.c_void_p]
lib.memcached_server_add.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint16]
lib.memcached_behavior_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64]
lib.memcached_generate_hash.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
lib.memcached_generate_hash.restype = ctypes.c_uint32
ask = json.load(sys.stdin)
owners = []
for pool in ask["pools"]:
    pooled = lib.memcached_create(None)
    for host, port in pool["servers"]:
        assert lib.memcached_server_add(pooled, host.encode(), port) == 0
    assert lib.memcached_behavior_set(pooled, pool["behavior"], 1) == 0
    owners.append([lib.memcached_generate_hash(pooled, key.encode(), len(key)) for key in ask["keys"]])
json.dump(owners, sys.stdout)
`;
/** MEMCACHED_BEHAVIOR_KETAMA and MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED. */
const BEHAVIOR: Record<Distribution, number> = { ketama: 3, "ketama-weighted": 16 };

test("pools of 2 to 40 servers, on port 11211 and others: every key is where libmemcached has it", async () => {
  const keys = Array.from({ length: 400 }, (_, i) =>
    i % 2 ? `cairn:chunk:${randomBytes(16).toString("hex")}:${i}` : `cairn:file:backup-${i}`,
  );
  const shapes = [2, 3, 4, 5, 7, 11, 13, 40].flatMap((count) =>
    [
      (i: number) => `10.0.0.${i + 1}:11211`,
      (i: number) => `cache${i}.example.org:${i % 3 === 0 ? 11_211 : 11_300 + i}`,
      (i: number) => `127.0.0.1:${20_000 + 7 * i}`,
    ].map((name) => Array.from({ length: count }, (_, i) => parseAddress(name(i)))),
  );
  const pools = shapes.flatMap((servers) => DISTRIBUTIONS.map((distribution) => ({ servers, distribution })));
  const ask = {
    keys,
    pools: pools.map(({ servers, distribution }) => ({
      servers: servers.map(({ host, port }) => [host, port]),
      behavior: BEHAVIOR[distribution],
    })),
  };
  const python = Bun.spawn([PYTHON, "-c", ORACLE], {
    stdin: new Blob([JSON.stringify(ask)]),
    stdout: "pipe",
  });
  const theirs: number[][] = JSON.parse(await new Response(python.stdout).text());
  expect(theirs).toHaveLength(48);
  for (const [i, { servers, distribution }] of pools.entries()) {
    const owner = ketama(servers, distribution);
    expect({ i, owners: keys.map(owner) }).toEqual({ i, owners: theirs[i]! });
  }
});

test.each(DISTRIBUTIONS)(
  "pylibmc with %s finds what this library stored on three servers",
  async (distribution) => {
    await using first = await MemcachedServer.start();
    await using second = await MemcachedServer.start();
    await using third = await MemcachedServer.start();
    const servers = [first, second, third].map(({ address }) => address);
    await using files = await openLargeFiles({ servers, distribution, chunkSize: 100 });
    const { version } = await files.store("f", randomBytes(30_000));
    const behaviors = distribution === "ketama" ? '{"ketama": True}' : '{"ketama_weighted": True}';
    const script = `
import pylibmc, sys
client = pylibmc.Client(sys.argv[2:], behaviors=${behaviors})
keys = ["cairn:chunk:" + sys.argv[1] + ":%d" % i for i in range(300)]
print(len(client.get_multi(keys)), "cairn:file:f" in client)`;
    const { output } = await run([PYTHON, "-c", script, version, ...servers]);
    expect(output).toBe("300 True\n");
    for (const server of servers) expect((await keysOn(server)).length).toBeGreaterThan(30);
  },
);

test("one server more moves only about its share of the keys", () => {
  const address = (i: number) => parseAddress(`10.1.0.${i}:11211`);
  const nine = ketama(
    Array.from({ length: 9 }, (_, i) => address(i)),
    "ketama-weighted",
  );
  const ten = ketama(
    Array.from({ length: 10 }, (_, i) => address(i)),
    "ketama-weighted",
  );
  const keys = Array.from({ length: 5_000 }, (_, i) => `key${i}`);
  const moved = keys.filter((key) => nine(key) !== ten(key));
  expect(moved.every((key) => ten(key) === 9)).toBe(true);
  expect(moved.length / keys.length).toBeGreaterThan(0.05);
  expect(moved.length / keys.length).toBeLessThan(0.2);
});
