// kill -9 of the client or the server at a random point of an upload and a download: what comes back is what was sent.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { buildClient } from "../../scripts/build-client.ts";
import { randomSeed, seededRandom } from "../../src/cli/generate/random.ts";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { figure } from "../support/figures.ts";
import { BUN, Program, ROOT } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

/** A third of those of the smaller loads: 7 in the test command, 66 when `npm run test:faults` asks for 200. */
const ROUNDS = Math.ceil(Number(process.env.CAIRN_KILL_ROUNDS ?? "20") / 3);
const SIZE = 12_000_001;

const bytes = randomBytes(SIZE);
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;

const start = () => Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(folder.at("source"), bytes);
  await buildClient(folder.at("dist"));
  cairn = await start();
  network = await badNetwork(cairn.http);
}, 60_000);
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

const program = () => {
  const paths = ["source", "target", "state"].map((name) => folder.at(name));
  const script = `${ROOT}test/runtimes/transfers.mjs`;
  return Program.start([BUN, script, folder.at("dist/client/http.js"), network.origin, ...paths]);
};

test(`kill -9 of client or server, ${ROUNDS} rounds`, async () => {
  const seed = Number(process.env.CAIRN_KILL_SEED ?? randomSeed());
  const random = seededRandom(seed);
  console.log(`seed ${seed} (CAIRN_KILL_SEED repeats it)`);
  let resumed = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    await rm(folder.at("target"), { force: true });
    // The network stands still there, or most transfers would be over before anything is killed.
    network.freezeAfter(random.below(2 * SIZE));
    let running = await program();
    await until("the point is reached", () => network.isFrozen);
    const isClient = random.below(2) === 0;
    await (isClient ? running.end("SIGKILL") : cairn.kill());
    if (!isClient) cairn = await start();
    network.connectTo(cairn.http);
    network.cut();
    network.freeze(false);
    if (isClient) running = await program();
    const { code } = await running.exited;
    expect([round, code, code === 0 ? "" : running.output]).toEqual([round, 0, ""]);
    const seen = JSON.parse(running.stdout.trim().split("\n").at(-1) ?? "");
    expect(seen).toMatchObject({ uploaded: { verified: true }, downloaded: { verified: true } });
    expect(sha256(await readFile(folder.at("target")))).toBe(sha256(bytes));
    resumed += Math.sign(seen.uploaded.resumed + seen.downloaded.resumed);
  }
  // A quarter of the kills come to a client while it uploads; of few rounds none may.
  if (ROUNDS >= 60) expect(resumed).toBeGreaterThan(0);
  figure(`kill -9 of transfers, ${ROUNDS} rounds`, `${resumed} taken up by a new process, 0 wrong`);
}, 1_800_000);
