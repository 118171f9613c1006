// Parts of the kv benchmark whose items are all in memory: gets, sets, both at once, and loads of other shapes.

import { median } from "../report.ts";
import type { Bench, Load } from "./figures.ts";
import { settled, startCairn, startMemcached, startRedis } from "./servers.ts";

export async function gets(bench: Bench): Promise<void> {
  await using ours = await startCairn("normal");
  await using theirs = await startMemcached();
  for (const server of [ours, theirs]) await bench.fill(server);
  for (const [what, options, aim] of [
    ["a get, pipeline 16 (memcached answers each by a packet)", { op: "get", pipeline: 16 }, 1],
    ["a key, 16 in a get", { op: "multi", pipeline: 16 }, 1.1],
    ["a meta get, pipeline 16", { op: "mg", pipeline: 16 }, 1.1],
    ["a get, pipeline 1", { op: "get" }, 1.1],
  ] as const) {
    const rounds = await bench.inTurn(ours, theirs, options);
    bench.compare(`CPU of ${what}`, "memcached -t 1", rounds, "cpu", aim);
  }
  const large = { op: "get", size: 10_000, keys: 2_000 } as const;
  for (const server of [ours, theirs]) await bench.fill(server, { size: large.size, keys: large.keys });
  const rounds = await bench.inTurn(ours, theirs, large);
  bench.compare("CPU of a get of 10 kB", "memcached -t 1", rounds, "cpu", 1.1);
}

export async function sets(bench: Bench): Promise<void> {
  for (const [sync, theirSync, aims] of [
    ["normal", "everysec", [1, 1.2]],
    ["full", "always", [1.3, 1.3]],
  ] as const) {
    await using ours = await startCairn(sync);
    await using theirs = await startRedis(theirSync);
    for (const [i, pipeline] of [1, 16].entries()) {
      const rounds = await bench.inTurn(ours, theirs, { op: "set", pipeline });
      const [what, rival] = [`${sync}, pipeline ${pipeline}`, `Redis ${theirSync}`];
      bench.compare(`sets, ${what}`, rival, rounds, "perSecond", aims[i] as number);
      bench.compare(`CPU of a set, ${what}`, rival, rounds, "cpu", 1);
    }
  }
}

/** p99 of gets on connections of their own, without and with as many sets as go in. */
export async function latency(bench: Bench): Promise<void> {
  for (const sync of ["full", "normal"] as const) {
    await using server = await startCairn(sync);
    await bench.fill(server);
    const load: Load = { op: "get", connections: 4 };
    const seen: [during: number, alone: number][] = [];
    for (let round = 0; round < bench.rounds; round++) {
      const alone = await bench.load(server, load);
      const [during] = await Promise.all([
        bench.load(server, load),
        bench.load(server, { ...load, op: "set" }),
      ]);
      seen.push([during.p99, alone.p99]);
    }
    const ratio = median(seen.map(([during, alone]) => during / alone));
    bench.add({
      what: `p99 of gets (4 connections) during sets (4 more), ${sync}, against without`,
      ours: `${median(seen.map(([during]) => during))} µs`,
      theirs: `${median(seen.map(([, alone]) => alone))} µs`,
      ratio,
      aim: "≤ 2.0",
      met: ratio <= 2,
    });
  }
}

/** One connection and many, deep pipelines, and keys of which few are wanted by most. */
const SHAPES: readonly (readonly [shape: string, load: Omit<Load, "op">])[] = [
  ["1 connection", { connections: 1 }],
  ["500 connections", { connections: 500 }],
  ["pipeline 64", { pipeline: 64 }],
  ["zipfian of 1 M keys, pipeline 16", { pipeline: 16, keys: 1_000_000, choice: "zipf" }],
];
const MANY = ["--max-connections", "600"];

export async function getShapes(bench: Bench): Promise<void> {
  await using ours = await startCairn("normal", MANY);
  await using theirs = await startMemcached();
  for (const server of [ours, theirs]) await bench.fill(server, { keys: 1_000_000 });
  // The fold of so much would be told as CPU of the first gets.
  await settled(ours);
  for (const [shape, load] of SHAPES) {
    const op = load.pipeline === undefined ? "get" : "multi";
    const rounds = await bench.inTurn(ours, theirs, { ...load, op });
    bench.compare(`CPU of a key got, ${shape}`, "memcached -t 1", rounds, "cpu", 1.1);
  }
}

export async function setShapes(bench: Bench): Promise<void> {
  await using ours = await startCairn("normal", MANY);
  await using theirs = await startRedis("everysec");
  for (const [shape, load] of SHAPES) {
    const rounds = await bench.inTurn(ours, theirs, { ...load, op: "set" });
    bench.compare(`sets, normal, ${shape}`, "Redis everysec", rounds, "perSecond", 1);
    bench.compare(`CPU of a set, normal, ${shape}`, "Redis everysec", rounds, "cpu", 1);
  }
}
