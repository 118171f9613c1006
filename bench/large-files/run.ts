// 50 MB stored and retrieved on one stock memcached: this library on Node and on Bun beside the usual pymemcache script.

import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { buildClient } from "../../scripts/build-client.ts";
import { MemcachedServer } from "../../test/support/memcached-server.ts";
import { BUN, ROOT, run } from "../../test/support/processes.ts";
import { temporaryFolder } from "../../test/support/temporary.ts";

const SIZE = 52_428_800;
const ROUNDS = 5;

export interface LargeFilesFigure {
  readonly program: string;
  /** Medians, in seconds. */
  readonly store: number;
  readonly retrieve: number;
}

export async function benchLargeFiles(): Promise<LargeFilesFigure[]> {
  await using folder = await temporaryFolder();
  await writeFile(folder.at("file"), randomBytes(SIZE));
  await buildClient(folder.at("dist"));
  const library = [`${ROOT}bench/large-files/library.mjs`, folder.at("dist/client/memcached.js")];
  const programs: readonly (readonly [string, readonly string[]])[] = [
    ["pymemcache", ["/usr/bin/python3", `${ROOT}bench/large-files/pymemcache_chunks.py`]],
    ["Cairn on Node", ["node", ...library]],
    ["Cairn on Bun", [BUN, ...library]],
  ];
  await using server = await MemcachedServer.start();
  const figures: LargeFilesFigure[] = [];
  for (const [program, command] of programs) {
    const args = [String(server.port), folder.at("file"), String(ROUNDS)];
    const { code, output, stdout } = await run([...command, ...args]);
    if (code !== 0) throw new Error(`${program}: ${output}`);
    const rounds: [number, number][] = JSON.parse(stdout);
    figures.push({
      program,
      store: median(rounds.map(([s]) => s)),
      retrieve: median(rounds.map(([, r]) => r)),
    });
  }
  return figures;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

if (import.meta.main) {
  const figures = await benchLargeFiles();
  const first = figures[0];
  for (const { program, store, retrieve } of figures) {
    const total = store + retrieve;
    const times = first ? (first.store + first.retrieve) / total : 1;
    console.log(
      `${program.padEnd(14)} store ${(store * 1_000).toFixed(0).padStart(4)} ms  retrieve ${(retrieve * 1_000).toFixed(0).padStart(4)} ms  together ${(total * 1_000).toFixed(0).padStart(4)} ms  ${times.toFixed(2)} x`,
    );
  }
}
