// Puts a load on the servers of the kv benchmark, compares what came of it, and writes the table.

import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Comparison } from "../chart.ts";
import { median } from "../report.ts";
import type { Server } from "./servers.ts";

export interface Measured {
  readonly perSecond: number;
  /** µs of the server's CPU time for each operation, all its threads. */
  readonly cpu: number;
  /** µs for a whole pipeline. */
  readonly p50: number;
  readonly p99: number;
}

export interface Load {
  /** `multi`: one `get` line with all keys of the pipeline. */
  readonly op: "get" | "multi" | "mg" | "set";
  readonly connections?: number;
  readonly pipeline?: number;
  readonly size?: number;
  readonly keys?: number;
  readonly choice?: "uniform" | "zipf";
  readonly seconds?: number;
}

export interface Figure {
  readonly what: string;
  readonly ours: string;
  /** "–" where nobody else does the same. */
  readonly theirs: string;
  readonly ratio: number;
  readonly aim: string;
  readonly met: boolean;
  /** Where a rival does the same, for the picture. */
  readonly comparison?: Comparison;
}

const LOAD_CORE = "1";

/** One part of the benchmark: short enough that a quiet machine can be had for it. */
export class Bench {
  readonly #loader: string;
  readonly #seconds: number;
  readonly #rounds: number;
  readonly #figures: Figure[] = [];

  /** `folder`: where the load generator is built. */
  constructor(folder: string, seconds: number, rounds: number) {
    this.#loader = join(folder, "load");
    this.#seconds = seconds;
    this.#rounds = rounds;
    const source = fileURLToPath(new URL("./load.c", import.meta.url));
    const built = Bun.spawnSync(["cc", "-O2", "-o", this.#loader, source, "-lm"], { stderr: "inherit" });
    if (built.exitCode !== 0) throw new Error("the load generator needs a C compiler named cc");
  }

  get rounds(): number {
    return this.#rounds;
  }

  add(...figures: Figure[]): void {
    this.#figures.push(...figures);
  }

  /** Sets each key once. */
  async fill(server: Server, options: Omit<Load, "op" | "seconds"> = {}): Promise<Measured> {
    return await this.#run(server, { pipeline: 64, ...options, op: "set" }, "fill");
  }

  async load(server: Server, options: Load): Promise<Measured> {
    const measured = await this.#run(server, options, String(options.seconds ?? this.#seconds));
    // A busy machine may not have let the server run at all.
    return measured.perSecond > 0 ? measured : await this.load(server, options);
  }

  /** Each server in turn, in each round. */
  async inTurn(ours: Server, theirs: Server, options: Load): Promise<[Measured, Measured][]> {
    const measured: [Measured, Measured][] = [];
    for (let round = 0; round < this.#rounds; round++) {
      measured.push([await this.load(ours, options), await this.load(theirs, options)]);
    }
    return measured;
  }

  compare(
    what: string,
    rival: string,
    rounds: [Measured, Measured][],
    by: "cpu" | "perSecond",
    aim: number,
  ): void {
    const middle = (side: 0 | 1) => median(rounds.map((round) => round[side][by]));
    const ratio = median(rounds.map(([ours, theirs]) => ours[by] / theirs[by]));
    const shown = by === "cpu" ? microseconds : thousands;
    const met = by === "cpu" ? ratio <= aim : ratio >= aim;
    const limit = `${by === "cpu" ? "≤" : "≥"} ${aim.toFixed(1)}`;
    this.add({
      ...{
        what: `${what}, against ${rival}`,
        ours: shown(middle(0)),
        theirs: shown(middle(1)),
        ratio,
        aim: limit,
        met,
      },
      comparison: { what: what.replace(/ \(.*\)/, ""), rival, times: by === "cpu" ? 1 / ratio : ratio },
    });
  }

  get comparisons(): readonly Comparison[] {
    return this.#figures.flatMap(({ comparison }) => comparison ?? []);
  }

  /** Missed aims first. */
  section(name: string, title: string): string {
    const row = ({ what, ours, theirs, ratio, aim, met }: Figure) =>
      `| ${what} | ${ours} | ${theirs} | ${ratio.toFixed(2)} | ${aim} | ${met ? "met" : "**missed**"} |`;
    const missed = this.#figures.filter(({ met }) => !met);
    return [
      `## Items: ${title}`,
      "",
      missed.length === 0 ? "All aims are met." : `Missed: ${missed.map(({ what }) => what).join("; ")}.`,
      "",
      `Values of 100 bytes, 10,000 keys and 50 connections where nothing else is said. Server and generator have a core each; medians of ${this.#rounds} rounds of ${this.#seconds} s, in turn`,
      `within one run. Load of the machine at the end: ${loadavg()[0]?.toFixed(1)} (2.0 is the run itself on two cores; more disturbs throughput and p99, and CPU time less). CPU time is of all threads, so ours`,
      `includes the fold into SQLite. Reproduce: \`bin/cairn-bun bench/kv/run.ts ${name}\`.`,
      "",
      "| figure | Cairn | other | ratio | aim | |",
      "|---|---|---|---|---|---|",
      ...[...missed, ...this.#figures.filter(({ met }) => met)].map(row),
    ].join("\n");
  }

  async #run(server: Server, options: Load, seconds: string): Promise<Measured> {
    const { op, connections = 50, pipeline = 1, size = 100, keys = 10_000, choice = "uniform" } = options;
    const target = [server.port, server.protocol, op];
    const args = [...target, connections, pipeline, seconds, size, keys, choice, server.pid].map(String);
    const run = Bun.spawn(["taskset", "-c", LOAD_CORE, this.#loader, ...args], { stderr: "inherit" });
    const text = await new Response(run.stdout).text();
    if ((await run.exited) !== 0) throw new Error(`the load on ${server.name} failed: ${args.join(" ")}`);
    return JSON.parse(text) as Measured;
  }
}

export function microseconds(value: number): string {
  return `${value.toFixed(2)} µs`;
}

export function thousands(perSecond: number): string {
  return `${Math.round(perSecond / 100) / 10}k/s`;
}

/** A figure of ours alone, that is to stay below `most`. */
export function atMost(what: string, value: number, most: number, unit: string): Figure {
  const ours = `${Math.round(value)} ${unit}`;
  return { what, ours, theirs: "–", ratio: value / most, aim: `< ${most} ${unit}`, met: value < most };
}
