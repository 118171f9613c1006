// A disk that is really full under large values: they are refused before or while they arrive, and connections stay in step.
// The disk is a small tmpfs, which only root may mount.

import { expect } from "bun:test";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { LargeItemClient, valueDigest, valuePieces } from "../support/large-item-client.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { serveKv } from "../support/memcached-wire.ts";
import { diskTest, smallDisk } from "../support/small-disk.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1_048_576;
const REFUSED = "SERVER_ERROR out of memory storing object: the disk is full\r\n";

diskTest(
  "a full disk refuses large values until there is space",
  async () => {
    await using folder = await smallDisk("40m");
    const maxItem = 100 * MEGABYTE;
    const clock = new ManualClock();
    const path = folder.at("kv.sqlite");
    const kv = SqliteKv.open({ path, sync: "full", rules: createRules({ maxItem }), clock });
    await using server = serveKv({ kv, clock, maxItem });
    const client = new LargeItemClient(`127.0.0.1:${server.port}`);
    const files = () => readdirSync(`${path}-values`).filter((name) => !name.startsWith("."));
    expect(await client.store("a", 10 * MEGABYTE, 1)).toBe("STORED\r\n");

    // More than there is room for: refused at its head, read to its end.
    expect(await client.store("a", 60 * MEGABYTE, 2)).toBe(REFUSED);
    expect(files()).toHaveLength(1);

    // Room that somebody else takes while the value arrives.
    const socket = await client.connect();
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    const size = 20 * MEGABYTE;
    const pieces = [...valuePieces(size, 3)];
    socket.write(`set a 0 0 ${size}\r\n`);
    for (const piece of pieces.splice(0, 2)) socket.write(piece);
    await until("it has begun", () => files().length === 2);
    fill(folder.at("filler"));
    for (const piece of pieces) socket.write(piece);
    socket.write("\r\nget nope\r\n");
    await until("it is refused, and the connection goes on", () => answer === `${REFUSED}END\r\n`);
    expect(files()).toHaveLength(1);
    expect(await client.fetchDigest("a", 10 * MEGABYTE)).toBe(valueDigest(10 * MEGABYTE, 1));

    // Silent ones are silent.
    socket.write(`set a 0 0 ${size} noreply\r\n`);
    for (const piece of valuePieces(size, 3)) socket.write(piece);
    socket.write("\r\nmn\r\n");
    await until("only what follows is answered", () => answer === `${REFUSED}END\r\nMN\r\n`);
    socket.destroy();

    rmSync(folder.at("filler"));
    expect(await client.store("a", 12 * MEGABYTE, 4)).toBe("STORED\r\n");
    expect(await client.fetchDigest("a", 12 * MEGABYTE)).toBe(valueDigest(12 * MEGABYTE, 4));
    // Once more makes 36 MB with what it replaces: the room of the first two is found by a fold.
    expect(await client.store("a", 14 * MEGABYTE, 5)).toBe("STORED\r\n");
    expect(await client.store("a", 14 * MEGABYTE, 6)).toBe("STORED\r\n");
    expect(await client.fetchDigest("a", 14 * MEGABYTE)).toBe(valueDigest(14 * MEGABYTE, 6));
    await kv.stats();
    await until("the last alone is left", () => files().length === 1);
  },
  60_000,
);

/** Takes all room but some 200 kB. */
function fill(path: string): void {
  let bytes = 0;
  try {
    for (;;) {
      writeFileSync(path, new Uint8Array(200_000), { flag: "a" });
      bytes += 200_000;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC" || bytes === 0) throw error;
  }
}
