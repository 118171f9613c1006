// `npm run fuzz [-- INPUTS [SEED]]`: fuzzes the memcached codec, 10 million inputs unless told otherwise, and tells its memory.

import { fuzzCodec } from "../../test/fuzz/codec.ts";

const ROUND = 250_000;
const [inputs = 10_000_000, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);

const started = performance.now();
let done = 0;
let commands = 0;
let bytes = 0;
let settled = 0;
for (let round = 0; done < inputs; round++) {
  const result = fuzzCodec(Math.min(ROUND, inputs - done), seed + round);
  done += result.inputs;
  commands += result.commands;
  bytes += result.bytes;
  Bun.gc(true);
  const memory = Math.round(process.memoryUsage.rss() / 1_048_576);
  // What the first rounds need is what all need: more would be growth.
  if (round === 3) settled = memory;
  if (settled > 0 && memory > settled * 1.5 + 50) {
    throw new Error(`${memory} MB after ${done} inputs, ${settled} MB in the beginning`);
  }
  if (round % 8 === 0) console.log(`${done} inputs, ${memory} MB`);
}
const seconds = (performance.now() - started) / 1_000;
console.log(
  `seed ${seed}: ${done} inputs (${bytes} bytes, ${commands} commands) in ${seconds.toFixed(1)} s without a crash, hang or growth`,
);
