// The first minute of a new user: it starts at once, stays small, answers on four ports, and stops cleanly.

import { expect, test } from "bun:test";
import { Cairn } from "../support/cairn.ts";
import { failureOf } from "../support/failure.ts";
import { figure, residentMegabytes, timed } from "../support/figures.ts";
import { memcachedRequest } from "../support/memcached-request.ts";
import { CAIRN, childrenOf } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

test("serve answers on all four ports within a second, in under 80 MB, and SIGTERM stops it cleanly", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("cairn.sqlite");
  const seconds = await fastestStart(folder);
  figure("from the command to all doors open", `${Math.round(seconds * 1000)} ms`);
  expect(seconds).toBeLessThan(1);
  await using server = await Cairn.start({ database });

  for (const origin of [server.http, server.image, server.merge]) {
    const health = await fetch(`${origin}/healthz`);
    expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
  }
  const { doors } = (await (await fetch(`${server.http}/api/status`)).json()) as {
    doors: { name: string }[];
  };
  expect(doors.map(({ name }) => name)).toEqual(["dashboard", "images", "merges", "memcached"]);
  expect(await memcachedRequest(server.memcached, "set k 0 0 5\r\nvalue\r\n")).toBe("STORED\r\n");

  const memory = await residentMegabytes(server.pid);
  figure("resident memory of the idle server", `${memory.toFixed(1)} MB`);
  expect(memory).toBeLessThan(80);

  expect(await server.stop()).toEqual({ code: 0, signal: null });

  await using again = await Cairn.start({ database });
  expect(await memcachedRequest(again.memcached, "get k\r\n")).toBe("VALUE k 0 5\r\nvalue\r\nEND\r\n");
});

test("a port that is taken is a clear error that names the port and what to do", async () => {
  await using folder = await temporaryFolder();
  await using first = await Cairn.start({ database: folder.at("a.sqlite") });
  const port = new URL(first.http).port;
  const second = Cairn.start({ database: folder.at("b.sqlite"), flags: ["--http-port", port] });
  expect((await failureOf(second)).message).toMatch(new RegExp(`${port}.*in use`));
});

test("a second server on the same database is refused", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("cairn.sqlite");
  await using _first = await Cairn.start({ database });
  expect((await failureOf(Cairn.start({ database }))).message).toMatch(/another (server|process)/);
});

test("the server asks its engine to let little garbage lie beside a full cache, and its workers do not", async () => {
  await using folder = await temporaryFolder();
  await using server = await Cairn.start({ database: folder.at("a.sqlite"), flags: ["--workers", "1"] });
  expect(await optionOf(server.pid)).toBe("134217728");
  await until("a worker runs", async () => (await childrenOf(server.pid)).length === 1);
  const [worker = 0] = await childrenOf(server.pid);
  expect(await optionOf(worker)).toBeUndefined();
  await using other = await Cairn.start({
    database: folder.at("b.sqlite"),
    command: ["env", `${GARBAGE_OPTION}=1073741824`, CAIRN],
  });
  expect(await optionOf(other.pid)).toBe("1073741824");
});

const GARBAGE_OPTION = "BUN_JSC_forceRAMSize";

/** As the process was given it. */
async function optionOf(pid: number): Promise<string | undefined> {
  // Elsewhere the system does not tell of other processes so.
  const environment = await Bun.file(`/proc/${pid}/environ`).text();
  const entry = environment.split("\0").find((one) => one.startsWith(`${GARBAGE_OPTION}=`));
  return entry?.slice(GARBAGE_OPTION.length + 1);
}

/** The best of three, since a machine may be busy with something else for a moment. */
async function fastestStart(folder: TemporaryFolder): Promise<number> {
  const all: number[] = [];
  for (let n = 0; n < 3; n++) {
    const { result, seconds } = await timed(() => Cairn.start({ database: folder.at(`start-${n}.sqlite`) }));
    await result.stop();
    all.push(seconds);
  }
  return Math.min(...all);
}
