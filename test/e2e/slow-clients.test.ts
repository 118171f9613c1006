// Clients that never read and clients that send a byte now and then: the memory of the real program is bounded, and others are served.

import { expect, test } from "bun:test";
import type { Socket } from "bun";
import { Cairn } from "../support/cairn.ts";
import { figure } from "../support/figures.ts";
import { LargeItemClient } from "../support/large-item-client.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const EACH = 512;
/** What a client that does not read may cost: the replies of one call to the store, and what stands before them. */
const MB_EACH = 0.5;
/** 50 times 100 kB: 2 GB for all of them, if nobody held it back. */
const GETS = "get big\r\n".repeat(50);

async function residentMegabytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024;
}

function connectAll(server: string, sent: string): Promise<Socket[]> {
  const { hostname, port } = new URL(`tcp://${server}`);
  const open = () =>
    Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: (socket) => {
          socket.pause();
          socket.write(sent);
        },
        data: () => undefined,
      },
    });
  return Promise.all(Array.from({ length: EACH }, open));
}

test("clients that never read, and clients that send their command byte by byte", async () => {
  await using folder = await temporaryFolder();
  // The collector lets garbage lie in proportion to what it knows of, the cache among it: with a small one it is the clients
  // that are measured.
  const flags = ["--workers", "0", "--max-connections", "1100", "--cache", "32mb"];
  await using server = await Cairn.start({ database: folder.at("cairn.sqlite"), flags });
  const client = new LargeItemClient(server.memcached);
  await client.ask(`set big 0 0 100000\r\n${"v".repeat(100_000)}\r\n`, "STORED\r\n");
  const idle = await residentMegabytes(server.pid);
  const unfinished = await connectAll(server.memcached, "set half 0 0 1000\r\nabc");
  const unread = await connectAll(server.memcached, GETS);
  await until("every reader is stuck", async () => {
    const states = await client.ask("stats conns\r\n", "END\r\n");
    return states.split("state conn_mwrite").length - 1 === EACH;
  });
  const over = (await residentMegabytes(server.pid)) - idle;
  let slowest = 0;
  for (let i = 0; i < 50; i++) {
    for (const socket of unfinished) socket.write("x");
    const began = performance.now();
    const answer = await client.ask(`set k${i} 0 0 2\r\nhi\r\nget k${i}\r\n`, "END\r\n");
    expect(answer).toBe(`STORED\r\nVALUE k${i} 0 2\r\nhi\r\nEND\r\n`);
    slowest = Math.max(slowest, performance.now() - began);
  }
  for (const socket of [...unread, ...unfinished]) socket.terminate();
  await until("all are gone", async () =>
    (await client.ask("stats\r\n", "END\r\n")).includes("STAT curr_connections 1\r\n"),
  );
  figure(
    `${EACH} clients that never read and ${EACH} that send byte by byte`,
    `${Math.round(over)} MB over the idle server; a set and a get of another client took ${slowest.toFixed(1)} ms at most`,
  );
  expect(over).toBeLessThan(EACH * MB_EACH);
}, 60_000);
