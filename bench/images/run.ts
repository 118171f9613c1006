// The image protocol: small images registered, sent in three chunks each, and downloaded, beside a bare server in one run.
// Arguments: rounds (3), seconds of each (5), images that are stored for the figure of the disk (100000). Writes its section
// of docs/benchmarks.md.

import { readFile } from "node:fs/promises";
import { Cairn } from "../../test/support/cairn.ts";
import { BUN, ROOT, run } from "../../test/support/processes.ts";
import { temporaryFolder } from "../../test/support/temporary.ts";
import { median, report } from "../report.ts";
import { peakMemory, startScript } from "../transfer/servers.ts";

const [rounds = 3, seconds = 5, images = 100_000] = process.argv.slice(2).map(Number);
const IMAGE_BYTES = 734;
const CONNECTIONS = 64;
const AIMS = { normal: 0.5, full: 0.25, disk: 2 * IMAGE_BYTES + 200 };
const FLAGS = ["--workers", "0", "--log-level", "warn"];
await using folder = await temporaryFolder();

const modes = [await measure("normal"), await measure("full")] as const;
const stored = await store();
await write();

interface Loaded {
  /** Per second. */
  readonly requests: number;
  /** The same in the first and in the last tenth of the images. */
  readonly early: number;
  readonly late: number;
}

async function load(origin: string, ...limits: string[]): Promise<Loaded> {
  const command = [BUN, `${ROOT}bench/images/load.ts`, origin, ...limits];
  const { stdout, output } = await run(command, { timeoutMs: 900_000 });
  if (stdout === "") throw new Error(output);
  return JSON.parse(stdout) as Loaded;
}

/** Ours and the bare server in turn; processor time of the whole process, and system calls in one more round. */
async function measure(sync: "normal" | "full") {
  await using cairn = await Cairn.start({
    database: folder.at(`${sync}.sqlite`),
    flags: [...FLAGS, "--sync", sync],
  });
  await using bare = await startScript("images/bare-server");
  const pairs: { ours: number; bare: number; oursCpu: number; bareCpu: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const ours = await timed(cairn.pid, cairn.image);
    const theirs = await timed(bare.pid, bare.origin);
    pairs.push({ ours: ours.rate, bare: theirs.rate, oursCpu: ours.cpu, bareCpu: theirs.cpu });
  }
  const of = (figure: (pair: (typeof pairs)[number]) => number) => median(pairs.map(figure));
  return {
    sync,
    ours: of(({ ours }) => ours),
    bare: of((pair) => pair.bare),
    ratio: of((pair) => pair.ours / pair.bare),
    oursCpu: of(({ oursCpu }) => oursCpu),
    bareCpu: of(({ bareCpu }) => bareCpu),
    calls: await systemCalls(cairn),
  };
}

/** Requests a second, and µs of processor time that the server took for each. */
async function timed(pid: number, origin: string): Promise<{ rate: number; cpu: number }> {
  const [before, from] = [await processorTime(pid), performance.now()];
  const { requests } = await load(origin, String(seconds), String(CONNECTIONS));
  const elapsed = (performance.now() - from) / 1000;
  const used = (await processorTime(pid)) - before;
  return { rate: requests, cpu: (used * 1e6) / (requests * Math.min(elapsed, seconds)) };
}

/** Seconds, of all threads. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** System calls for each request, without those in which threads wait for each other; slowed down, they are counted only. */
async function systemCalls({ pid, image }: Cairn): Promise<number> {
  const tracer = Bun.spawn(["strace", "-f", "-c", "-o", folder.at("strace"), "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  // It says so when it is attached.
  await tracer.stderr.getReader().read();
  const count = 400;
  await load(image, "0", String(CONNECTIONS), String(count));
  tracer.kill("SIGINT");
  await tracer.exited;
  const lines = (await readFile(folder.at("strace"), "utf8"))
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const calls = lines.filter((fields) => /^[a-z_0-9]+$/.test(fields.at(-1) ?? "") && Number(fields[3]) > 0);
  const counted = calls.filter((fields) => fields.at(-1) !== "futex" && fields.at(-1) !== "total");
  return counted.reduce((sum, fields) => sum + Number(fields[3]), 0) / (count * 5);
}

/** Many images in one store: bytes on disk beyond an empty one, speed at the beginning and the end, memory. */
async function store() {
  const database = folder.at("stored.sqlite");
  const used = async () => Number((await run(["du", "-sb", `${database}.files`])).stdout.split("\t")[0]);
  await (await Cairn.start({ database, flags: FLAGS })).stop();
  const empty = await used();
  const cairn = await Cairn.start({ database, flags: FLAGS });
  const { early, late } = await load(cairn.image, "0", String(CONNECTIONS), String(images));
  const memory = await peakMemory(cairn.pid);
  await cairn.stop();
  return { early, late, memory: memory / 1_048_576, disk: ((await used()) - empty) / images };
}

async function write(): Promise<void> {
  const missed = modes
    .filter(({ ratio, sync }) => ratio < AIMS[sync])
    .map(
      ({ sync, ratio }) => `\`--sync ${sync}\` ${ratio.toFixed(2)} of the bare server (aim: ${AIMS[sync]})`,
    );
  if (stored.disk > AIMS.disk) missed.push(`${stored.disk.toFixed(0)} bytes on disk for each image`);
  const rows = modes.map(
    ({ sync, ours, bare, ratio, oursCpu, bareCpu, calls }) =>
      `| \`--sync ${sync}\` | ${ours.toFixed(0)}/s | ${bare.toFixed(0)}/s | ${ratio.toFixed(2)} | ${AIMS[sync]} | ${oursCpu.toFixed(0)} µs | ${bareCpu.toFixed(0)} µs | ${calls.toFixed(1)} |`,
  );
  const lines = [
    "## Small images (`bench/images`)",
    "",
    missed.length > 0 ? `Missed: ${missed.join("; ")}.` : "All aims are reached.",
    "",
    `Images of ${IMAGE_BYTES} bytes: five requests each (registration, three chunks, download) over ${CONNECTIONS} connections.`,
    "",
    "| mode | ours | bare | ratio | aim | processor time of a request, ours | bare | our system calls a request |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    `- ${images} images in one store (\`--sync full\`): ${stored.disk.toFixed(0)} bytes on disk for each (aim: ${AIMS.disk}), ${stored.early.toFixed(0)} requests a second in the first tenth, ${stored.late.toFixed(0)} in the last; ${stored.memory.toFixed(0)} MiB of memory at most`,
    "",
    `Medians of ${rounds} rounds of ${seconds} seconds, ours and the peer's in turn. The peer is a bare \`Bun.serve\` that parses the same JSON and keeps nothing.`,
  ];
  await report("images", lines.join("\n"));
  console.log(lines.join("\n"));
}
