// Cairn beside memcached and Redis: gets, sets, gets during sets, and a data set that is larger than the cache.
//
//   bin/cairn-bun bench/kv/run.ts [--seconds 2] [--rounds 3] [--large] [--sustained SECONDS] [--no-report]
//
// The generator (load.c, compiled here) has one core and the server another. Servers are measured in pairs, in turn within one
// run, and the median of the ratios is reported. Throughput needs a quiet machine; CPU time per operation bears a busy one.

import { rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, report } from "../report.ts";
import { type Server, startCairn, startMemcached, startRedis, temporary } from "./servers.ts";

interface Measured {
  readonly perSecond: number;
  /** µs of the server's CPU time for each operation, all its threads. */
  readonly cpu: number;
  /** µs for a whole pipeline. */
  readonly p50: number;
  readonly p99: number;
}

interface Load {
  /** `multi`: one `get` line with all keys of the pipeline. */
  readonly op: "get" | "multi" | "mg" | "set";
  readonly connections?: number;
  readonly pipeline?: number;
  readonly size?: number;
  readonly keys?: number;
  readonly choice?: "uniform" | "zipf";
  readonly seconds?: number;
}

interface Figure {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  readonly ratio: number;
  readonly aim: string;
  readonly met: boolean;
}

const LOAD_CORE = "1";
const flag = (name: string) => process.argv.includes(`--${name}`);
const option = (name: string, fallback: number) =>
  flag(name) ? Number(process.argv[process.argv.indexOf(`--${name}`) + 1]) : fallback;
const SECONDS = option("seconds", 2);
const ROUNDS = option("rounds", 3);

const work = temporary();
const loader = join(work, "load");
const figures: Figure[] = [];

try {
  compile();
  await pairs();
  await beyondCache();
  await getsDuringSets();
  await tell();
  if (flag("sustained")) await sustained(option("sustained", 300));
  if (flag("large")) await tenMillion();
  if (flag("sustained") || flag("large")) await tell();
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Also before what takes long: then a run that is broken off has told something. */
async function tell(): Promise<void> {
  const text = sectionOf(figures);
  console.log(text);
  if (!flag("no-report")) await report("kv", text);
}

function compile(): void {
  const source = fileURLToPath(new URL("./load.c", import.meta.url));
  const built = Bun.spawnSync(["cc", "-O2", "-o", loader, source, "-lm"], { stderr: "inherit" });
  if (built.exitCode !== 0) throw new Error("the load generator needs a C compiler named cc");
}

async function load(server: Server, options: Load, fill = false): Promise<Measured> {
  const { op, connections = 50, pipeline = 1, size = 100, keys = 10_000, choice = "uniform" } = options;
  const seconds = fill ? "fill" : String(options.seconds ?? SECONDS);
  const args = [
    server.port,
    server.protocol,
    op,
    connections,
    pipeline,
    seconds,
    size,
    keys,
    choice,
    server.pid,
  ];
  const run = Bun.spawn(["taskset", "-c", LOAD_CORE, loader, ...args.map(String)], { stderr: "inherit" });
  const text = await new Response(run.stdout).text();
  if ((await run.exited) !== 0) throw new Error(`the load on ${server.name} failed: ${args.join(" ")}`);
  const measured = JSON.parse(text) as Measured;
  // A busy machine may not have let the server run at all.
  return measured.perSecond > 0 ? measured : await load(server, options, fill);
}

/** Each server in turn, `ROUNDS` times. */
async function inTurn(ours: Server, theirs: Server, options: Load): Promise<[Measured, Measured][]> {
  const measured: [Measured, Measured][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    measured.push([await load(ours, options), await load(theirs, options)]);
  }
  return measured;
}

function compare(what: string, rounds: [Measured, Measured][], by: "cpu" | "perSecond", aim: number): void {
  const middle = (side: 0 | 1) => median(rounds.map((round) => round[side][by]));
  const ratio = median(rounds.map(([ours, theirs]) => ours[by] / theirs[by]));
  const shown = (value: number) =>
    by === "cpu" ? `${value.toFixed(2)} µs` : `${Math.round(value / 100) / 10}k/s`;
  const met = by === "cpu" ? ratio <= aim : ratio >= aim;
  const limit = `${by === "cpu" ? "≤" : "≥"} ${aim.toFixed(1)}`;
  figures.push({ what, ours: shown(middle(0)), theirs: shown(middle(1)), ratio, aim: limit, met });
}

async function pairs(): Promise<void> {
  {
    await using ours = await startCairn("normal");
    await using theirs = await startMemcached();
    for (const server of [ours, theirs]) await load(server, { op: "set", pipeline: 16 }, true);
    for (const [what, options, aim] of [
      ["a get, pipeline 16 (memcached answers each by a packet)", { op: "get", pipeline: 16 }, 1],
      ["a key, 16 in a get", { op: "multi", pipeline: 16 }, 1.1],
      ["a meta get, pipeline 16", { op: "mg", pipeline: 16 }, 1.1],
      ["a get, pipeline 1", { op: "get" }, 1.1],
    ] as const) {
      compare(`CPU of ${what}, against memcached -t 1`, await inTurn(ours, theirs, options), "cpu", aim);
    }
    const large = { op: "get", size: 10_000, keys: 2_000 } as const;
    for (const server of [ours, theirs]) await load(server, { ...large, op: "set", pipeline: 16 }, true);
    compare("CPU of a get of 10 kB, against memcached -t 1", await inTurn(ours, theirs, large), "cpu", 1.1);
  }
  for (const [sync, theirSync, aims] of [
    ["normal", "everysec", [1, 1.2]],
    ["full", "always", [1.3, 1.3]],
  ] as const) {
    await using ours = await startCairn(sync);
    await using theirs = await startRedis(theirSync);
    for (const [i, pipeline] of [1, 16].entries()) {
      const rounds = await inTurn(ours, theirs, { op: "set", pipeline });
      const what = `sets, ${sync}, pipeline ${pipeline}, against Redis ${theirSync}`;
      compare(what, rounds, "perSecond", aims[i] as number);
      compare(`CPU of a set, ${sync}, pipeline ${pipeline}, against Redis ${theirSync}`, rounds, "cpu", 1);
    }
  }
}

/** Items ten times what the cache holds; the file is in the system's page cache. */
async function beyondCache(): Promise<void> {
  await using server = await startCairn("normal", ["--cache", "32mb"]);
  const keys = 2_000_000;
  await load(server, { op: "set", pipeline: 64, keys }, true);
  await settled(server);
  const { perSecond, cpu } = await load(server, { op: "get", keys });
  figures.push({
    what: "gets out of SQLite, 2 M keys, cache of 32 MB",
    ours: `${Math.round(perSecond / 1_000)}k/s, ${cpu.toFixed(1)} µs CPU`,
    theirs: "–",
    ratio: perSecond / 60_000,
    aim: "≥ 60k/s",
    met: perSecond >= 60_000,
  });
}

/** `stats` answers when all that was set is in SQLite. */
async function settled(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let text = "";
    void Bun.connect({
      hostname: "127.0.0.1",
      port: server.port,
      socket: {
        open: (socket) => void socket.write("stats\r\n"),
        data: (socket, chunk) => {
          text += chunk.toString();
          if (text.endsWith("END\r\n")) resolve(void socket.end());
        },
        connectError: (_socket, error) => reject(error),
      },
    });
  });
}

/** p99 of gets on a connection of their own, without and with as many sets as go in. */
async function getsDuringSets(): Promise<void> {
  for (const sync of ["full", "normal"] as const) {
    await using server = await startCairn(sync);
    await load(server, { op: "set", pipeline: 16 }, true);
    const gets: Load = { op: "get", connections: 4 };
    const ratios: number[] = [];
    const seen: [number, number][] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const alone = await load(server, gets);
      const [during] = await Promise.all([load(server, gets), load(server, { op: "set", connections: 4 })]);
      ratios.push(during.p99 / alone.p99);
      seen.push([during.p99, alone.p99]);
    }
    const ratio = median(ratios);
    figures.push({
      what: `p99 of gets (4 connections) during sets (4 more), ${sync}, against without`,
      ours: `${median(seen.map(([during]) => during))} µs`,
      theirs: `${median(seen.map(([, alone]) => alone))} µs`,
      ratio,
      aim: "≤ 2.0",
      met: ratio <= 2,
    });
  }
}

/** Random keys of a million, with the folds they cause. */
async function sustained(seconds: number): Promise<void> {
  const options = { op: "set", pipeline: 16, keys: 1_000_000, seconds } as const;
  await using ours = await startCairn("normal");
  const mine = await load(ours, options);
  await using theirs = await startRedis("everysec");
  compare(
    `sets for ${seconds} s, random of 1 M keys, normal, pipeline 16`,
    [[mine, await load(theirs, options)]],
    "perSecond",
    1,
  );
}

async function tenMillion(): Promise<void> {
  const folder = temporary();
  try {
    {
      await using server = await startCairn("normal", [], folder);
      await load(server, { op: "set", pipeline: 64, keys: 10_000_000 }, true);
    }
    await using server = await startCairn("normal", [], folder);
    const { startMs } = server;
    await load(server, { op: "get", pipeline: 16, keys: 10_000_000, seconds: 30 });
    const memory = await server.memory();
    const row = { theirs: "–", what: "10 M keys of 100 B, cache of 256 MB" };
    figures.push(
      {
        ...row,
        what: `${row.what}: memory after 30 s of gets`,
        ours: `${Math.round(memory)} MB`,
        ratio: memory / 450,
        aim: "< 450 MB",
        met: memory < 450,
      },
      {
        ...row,
        what: `${row.what}: start`,
        ours: `${Math.round(startMs)} ms`,
        ratio: startMs / 1_000,
        aim: "< 1 s",
        met: startMs < 1_000,
      },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sectionOf(all: readonly Figure[]): string {
  const row = ({ what, ours, theirs, ratio, aim, met }: Figure) =>
    `| ${what} | ${ours} | ${theirs} | ${ratio.toFixed(2)} | ${aim} | ${met ? "met" : "**missed**"} |`;
  const missed = all.filter(({ met }) => !met);
  return [
    "## Items: Cairn, memcached and Redis",
    "",
    missed.length === 0 ? "All aims are met." : `Missed: ${missed.map(({ what }) => what).join("; ")}.`,
    "",
    `Values of 100 bytes, 10,000 keys and 50 connections where nothing else is said. Server and generator have a core each; medians of ${ROUNDS} rounds of ${SECONDS} s, in turn`,
    `within one run. Load of the machine at the end: ${loadavg()[0]?.toFixed(1)} (2.0 is the run itself on two cores; more disturbs throughput and p99, and CPU time less). CPU time is of all threads, so ours`,
    "includes the fold into SQLite. Reproduce: `bin/cairn-bun bench/kv/run.ts --large --sustained 300`.",
    "",
    "| figure | Cairn | other | ratio | aim | |",
    "|---|---|---|---|---|---|",
    ...[...missed, ...all.filter(({ met }) => met)].map(row),
  ].join("\n");
}
