// libmemcached's public checker of the ASCII protocol, against the server.

import { expect, test } from "bun:test";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { serveKv } from "../support/memcached-wire.ts";
import { run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("memccapable -a passes", async () => {
  await using folder = await temporaryFolder();
  const clock = new ManualClock();
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "normal", rules: createRules(), clock });
  await using server = serveKv({ kv, clock });
  const { code, output } = await run(["memccapable", "-h", "127.0.0.1", "-p", String(server.port), "-a"]);
  expect(output).not.toContain("[FAIL]");
  expect(output.match(/\[pass\]/g)?.length ?? 0).toBeGreaterThan(20);
  expect(code).toBe(0);
}, 60_000);
