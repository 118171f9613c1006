// Parts of the kv benchmark below the ring: gets out of SQLite, ten million keys, sets that go on for minutes.

import { rmSync } from "node:fs";
import { median } from "../report.ts";
import { atMost, type Bench, type Load, type Measured, thousands } from "./figures.ts";
import { settled, startCairn, startRedis, temporary } from "./servers.ts";

/** Items ten times what the cache holds; the file is in the system's page cache. */
export async function beyondCache(bench: Bench): Promise<void> {
  await using server = await startCairn("normal", ["--cache", "32mb"]);
  const keys = 2_000_000;
  await bench.fill(server, { keys });
  await settled(server);
  for (const [what, options, aim] of [
    ["gets out of SQLite, 2 M keys, cache of 32 MB", { op: "get" }, 60_000],
    ["the same, 16 in a get", { op: "multi", pipeline: 16 }, 100_000],
    ["the same, zipfian, 16 in a get", { op: "multi", pipeline: 16, choice: "zipf" }, 200_000],
  ] as const) {
    const rounds: Measured[] = [];
    for (let round = 0; round < bench.rounds; round++) {
      rounds.push(await bench.load(server, { ...options, keys }));
    }
    const perSecond = median(rounds.map((round) => round.perSecond));
    const cpu = median(rounds.map((round) => round.cpu));
    bench.add({
      what,
      ours: `${thousands(perSecond)}, ${cpu.toFixed(1)} µs CPU`,
      theirs: "–",
      ratio: perSecond / aim,
      aim: `≥ ${aim / 1_000}k/s`,
      met: perSecond >= aim,
    });
  }
}

export async function tenMillion(bench: Bench): Promise<void> {
  const folder = temporary();
  const keys = 10_000_000;
  const row = "10 M keys of 100 B, cache of 256 MB";
  try {
    {
      await using server = await startCairn("normal", [], folder);
      const { perSecond } = await bench.fill(server, { keys });
      bench.add(
        atMost(
          `${row}: peak of memory while they are set, ${thousands(perSecond)}`,
          await server.peak(),
          450,
          "MB",
        ),
      );
      // Most of them are not in the table yet, and the journal is as full as it gets.
      await bench.load(server, { op: "set", pipeline: 16, keys, seconds: 5 });
      server.kill();
    }
    {
      await using server = await startCairn("normal", [], folder);
      bench.add(atMost(`${row}: start after kill -9`, server.startMs, 1_000, "ms"));
    }
    await using server = await startCairn("normal", [], folder);
    bench.add(atMost(`${row}: start`, server.startMs, 1_000, "ms"));
    const got = await bench.load(server, { op: "get", keys, seconds: 15 });
    bench.add(
      atMost(
        `${row}: memory after 15 s of gets, ${thousands(got.perSecond)}`,
        await server.memory(),
        450,
        "MB",
      ),
    );
    const set = await bench.load(server, { op: "set", pipeline: 16, keys, seconds: 30 });
    bench.add(
      atMost(
        `${row}: peak of memory in 30 s of sets, ${thousands(set.perSecond)}`,
        await server.peak(),
        450,
        "MB",
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const STRETCHES = 10;

/** Random keys of a million, with the folds they cause: against a short run, and whether it stays as it begins. */
export async function sustained(bench: Bench, seconds: number): Promise<void> {
  await using ours = await startCairn("normal");
  await using theirs = await startRedis("everysec");
  const short: Load = { op: "set", pipeline: 16 };
  const shortRatio = median(
    (await bench.inTurn(ours, theirs, short)).map(([one, other]) => one.perSecond / other.perSecond),
  );
  const long: Load = { ...short, keys: 1_000_000, seconds: seconds / STRETCHES };
  const before = await bench.load(theirs, long);
  const stretches: Measured[] = [];
  for (let i = 0; i < STRETCHES; i++) stretches.push(await bench.load(ours, long));
  const after = await bench.load(theirs, long);
  const mine = stretches.reduce((sum, { perSecond }) => sum + perSecond / STRETCHES, 0);
  const other = (before.perSecond + after.perSecond) / 2;
  const share = mine / other / shortRatio;
  bench.add({
    what: `sets for ${seconds} s, random of 1 M keys, normal, pipeline 16, against Redis everysec: share of the short run's ratio (${shortRatio.toFixed(2)})`,
    ours: thousands(mine),
    theirs: thousands(other),
    ratio: share,
    aim: "≥ 0.8",
    met: share >= 0.8,
  });
  const p99 = stretches.map((one) => one.p99);
  const steady = Math.max(...p99) / median(p99);
  bench.add({
    what: `their p99: the worst of ${STRETCHES} stretches against the middle one`,
    ours: `${Math.max(...p99)} µs, ${median(p99)} µs`,
    theirs: `${before.p99} µs, ${after.p99} µs`,
    ratio: steady,
    aim: "≤ 1.5",
    met: steady <= 1.5,
  });
}
