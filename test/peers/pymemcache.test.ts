// pymemcache (Debian's python3-pymemcache), a widely used client, against the server.

import { expect, test } from "bun:test";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { serveKv } from "../support/memcached-wire.ts";
import { run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SCRIPT = `
import os, sys
from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheServerError, MemcacheIllegalInputError

address = ("127.0.0.1", int(sys.argv[1]))
c = Client(address, default_noreply=False, timeout=10)
assert c.flush_all()
assert c.set("a", b"1") and c.get("a") == b"1"
assert c.get("nope") is None and c.get("nope", b"d") == b"d"
assert not c.add("a", b"2") and c.add("b", b"2")
assert c.replace("b", b"3") and not c.replace("nope", b"3")
assert c.append("b", b"4") and c.prepend("b", b"2") and c.get("b") == b"234"
value, cas = c.gets("a")
assert value == b"1" and cas.isdigit()
assert c.cas("a", b"2", cas) and c.cas("a", b"3", cas) is False and c.cas("nope", b"1", cas) is None
assert c.incr("a", 5) == 7 and c.decr("a", 100) == 0 and c.incr("nope", 1) is None
assert c.touch("a", 100) and not c.touch("nope", 100)
assert c.delete("a") and not c.delete("a")
many = {"k%d" % i: os.urandom(i * 37) for i in range(300)}
assert c.set_many(many) == []
assert c.get_many(list(many)) == {k: v for k, v in many.items()}
assert c.delete_many(list(many))
assert c.get_many(list(many)) == {}
big = os.urandom(1048576 - 59 - 3)
assert c.set("big", big) and c.get("big") == big
try:
    c.set("big", big + b"x"); assert False
except MemcacheServerError as e:
    assert "too large" in str(e)
assert c.get("big") is None
try:
    c.set("with space", b"x"); assert False
except MemcacheIllegalInputError:
    pass
assert c.stats()[b"version"] and c.version().startswith(b"1.6")
c.set("n", b"x", noreply=True); assert c.get("n") == b"x"
p = PooledClient(address, max_pool_size=4)
p.set("p", b"1", noreply=False); assert p.get("p") == b"1"
c.quit()
print("all passed")
`;

test("pymemcache works, with every command it has", async () => {
  await using folder = await temporaryFolder();
  const clock = new ManualClock();
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "full", rules: createRules(), clock });
  await using server = serveKv({ kv, clock });
  const { code, output } = await run(["/usr/bin/python3", "-c", SCRIPT, String(server.port)]);
  expect(output).toContain("all passed");
  expect(code).toBe(0);
}, 60_000);
