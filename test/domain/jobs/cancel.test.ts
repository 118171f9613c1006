// A job that is cancelled, at every stage of its life: it ends cancelled, and leaves no file.

import { expect, test } from "bun:test";
import { MemoryAggregation } from "../../../src/adapters/memory/aggregation.ts";
import type { Aggregation, AggregationResult } from "../../../src/ports/aggregation.ts";
import { openJobShop } from "../../support/job-shop.ts";

const CSV = "Song,Date,Number of Plays\na,1,2\nb,1,x\n";
type Stage =
  | "before it begins"
  | "while it aggregates"
  | "while the rejects are stored"
  | "while the totals are stored";
const STAGES: readonly Stage[] = [
  "before it begins",
  "while it aggregates",
  "while the rejects are stored",
  "while the totals are stored",
];

/** The reference, which tells when it has come to `stage` and then waits to be aborted. */
function stalling(stage: Stage, reached: () => void): Aggregation {
  const reference = new MemoryAggregation();
  const stall = (signal: AbortSignal): Promise<never> => {
    reached();
    return new Promise((_, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
    });
  };
  async function* half(source: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    for await (const piece of source) yield piece.subarray(0, 5);
    yield await stall(signal);
  }
  return {
    async aggregate(source, query, options): Promise<AggregationResult> {
      if (stage === "while it aggregates") return stall(options.signal);
      const result = await reference.aggregate(source, query, options);
      const { output, rejectsOutput } = result;
      const { signal } = options;
      return {
        ...result,
        output: stage === "while the totals are stored" ? half(output, signal) : output,
        rejectsOutput:
          rejectsOutput && stage === "while the rejects are stored"
            ? half(rejectsOutput, signal)
            : rejectsOutput,
        [Symbol.asyncDispose]: () => result[Symbol.asyncDispose](),
      };
    },
  };
}

test.each(STAGES)("%s", async (stage) => {
  const reached = Promise.withResolvers<void>();
  const aggregation = stalling(stage, reached.resolve);
  await using shop = openJobShop({ aggregation, working: stage !== "before it begins" });
  const file = await shop.store("plays.csv", CSV);
  const { id } = await shop.jobs.submit({ kind: "aggregate", input: { fileId: file.id } });
  if (stage !== "before it begins") await reached.promise;
  await shop.jobs.cancel(id);
  expect(await shop.ended(id)).toMatchObject({ state: "cancelled", result: null });
  expect(await shop.files.get(id)).toBeUndefined();
  const { records } = await shop.files.page({ limit: 10 });
  expect(records.map(({ name }) => name)).toEqual(["plays.csv"]);
});
