// pylibmc (Debian's python3-pylibmc, on libmemcached), against the server.

import { expect, test } from "bun:test";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { serveKv } from "../support/memcached-wire.ts";
import { run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SCRIPT = `
import os, sys, threading
import pylibmc

c = pylibmc.Client(["127.0.0.1:" + sys.argv[1]], binary=False, behaviors={"tcp_nodelay": True, "cas": True})
assert c.flush_all()
assert c.set("a", "text") and c.get("a") == "text"
assert c.get("nope") is None and c.get("nope", 5) == 5
assert c.set("n", 41) and c.incr("n") == 42 and c.decr("n", 2) == 40
assert not c.add("a", 1) and c.add("b", [1, {"two": 3}]) and c.get("b") == [1, {"two": 3}]
assert c.replace("b", b"bytes") and c.get("b") == b"bytes"
assert c.set("s", b"m") and c.append("s", b"z") and c.prepend("s", b"a") and c.get("s") == b"amz"
value, cas = c.gets("s")
assert value == b"amz" and c.cas("s", b"new", cas) and not c.cas("s", b"newer", cas)
assert c.touch("s", 100) and c.delete("s") and not c.delete("s")
many = {"k%d" % i: os.urandom(i * 41) for i in range(300)}
assert c.set_multi(many) == []
assert c.get_multi(list(many) + ["missing"]) == many
assert c.delete_multi(list(many)) and c.get_multi(list(many)) == {}
big = os.urandom(1000000)
assert c.set("big", big) and c.get("big") == big
try:
    c.set("big", os.urandom(2000000)); assert False
except pylibmc.TooBig:
    pass
(server, stats), = c.get_stats()
assert stats["version"].startswith(b"1.6") and int(stats["curr_items"]) >= 3

def work(number):
    mine = c.clone()
    for i in range(200):
        key = "t%d-%d" % (number, i)
        mine.set(key, key * 10)
        assert mine.get(key) == key * 10
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert all(c.get("t%d-%d" % (n, i)) for n in range(4) for i in range(200))
print("all passed")
`;

test("pylibmc works, with every command it has, from several threads", async () => {
  await using folder = await temporaryFolder();
  const clock = new ManualClock();
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "full", rules: createRules(), clock });
  await using server = serveKv({ kv, clock });
  const { code, output } = await run(["/usr/bin/python3", "-c", SCRIPT, String(server.port)]);
  expect(output).toContain("all passed");
  expect(code).toBe(0);
}, 60_000);
