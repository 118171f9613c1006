// A program of its own: aggregates one CSV within a memory limit and prints its own peak memory and longest stall.

import { DuckdbAggregation } from "../../../src/adapters/duckdb/aggregation.ts";
import { PLAYS } from "../../conformance/aggregation.suite.ts";

const [path = "", scratch = "", memory = "0"] = process.argv.slice(2);
const aggregation = new DuckdbAggregation({ scratch, memory: Number(memory), threads: 2 });
let [longestStall, before] = [0, performance.now()];
setInterval(() => {
  const now = performance.now();
  longestStall = Math.max(longestStall, now - before);
  before = now;
}, 20).unref();
const options = { signal: new AbortController().signal, onProgress: () => undefined };
await using result = await aggregation.aggregate(
  { content: { path }, size: Bun.file(path).size },
  PLAYS,
  options,
);
let bytes = 0;
for await (const piece of result.output) bytes += piece.length;
let rejectLines = 0;
for await (const piece of result.rejectsOutput ?? [])
  for (const byte of piece) if (byte === 10) rejectLines++;
const peak = Number(/VmHWM:\s+(\d+)/.exec(await Bun.file("/proc/self/status").text())?.[1]) * 1024;
const { groups, rows, rejected } = result;
console.log(JSON.stringify({ groups, rows, rejected, rejectLines, bytes, peak, longestStall }));
