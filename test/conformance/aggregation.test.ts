// Runs the aggregation suite against every adapter.

import { readdir } from "node:fs/promises";
import { DuckdbAggregation } from "../../src/adapters/duckdb/aggregation.ts";
import { MemoryAggregation } from "../../src/adapters/memory/aggregation.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { aggregationConformance } from "./aggregation.suite.ts";

aggregationConformance("memory", async () => ({
  aggregation: new MemoryAggregation(),
  scratch: async () => [],
  [Symbol.asyncDispose]: async () => undefined,
}));

aggregationConformance("duckdb", async () => {
  const folder = await temporaryFolder();
  return {
    aggregation: new DuckdbAggregation({ scratch: folder.path, memory: 128 * 1_048_576, threads: 2 }),
    scratch: () => readdir(folder.path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});
