// Cairn beside memcached and Redis, in parts that can be run by themselves; each writes its section of docs/benchmarks.md.
//
//   bin/cairn-bun bench/kv/run.ts [gets] [sets] [latency] [get-shapes] [set-shapes] [cold] [large] [sustained]
//                                 [--seconds 2] [--rounds 3] [--sustained 300] [--no-report]
//
// Without a part: those that take less than two minutes each, which are all but `large` (about four) and `sustained` (six).
// The generator (load.c, compiled here) has one core and the server another. Servers are measured in pairs, in turn within one
// run, and the median of the ratios is reported. Throughput needs a quiet machine; CPU time per operation bears a busy one.

import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { report } from "../report.ts";
import { beyondCache, sustained, tenMillion } from "./cold.ts";
import { Bench } from "./figures.ts";
import { getShapes, gets, latency, setShapes, sets } from "./hot.ts";
import { temporary } from "./servers.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    sustained: { type: "string", default: "300" },
    "no-report": { type: "boolean", default: false },
  },
});

const PARTS: Record<string, { readonly title: string; readonly run: (bench: Bench) => Promise<void> }> = {
  gets: { title: "gets, beside memcached", run: gets },
  sets: { title: "sets, beside Redis", run: sets },
  latency: { title: "gets during sets", run: latency },
  "get-shapes": { title: "gets of other shapes, beside memcached", run: getShapes },
  "set-shapes": { title: "sets of other shapes, beside Redis", run: setShapes },
  cold: { title: "ten times what the cache holds", run: beyondCache },
  large: { title: "ten million keys", run: tenMillion },
  sustained: { title: "sets that go on", run: (bench) => sustained(bench, Number(values.sustained)) },
};
const QUICK = ["gets", "sets", "latency", "get-shapes", "set-shapes", "cold"];

for (const name of positionals.length > 0 ? positionals : QUICK) {
  const part = PARTS[name];
  if (!part) throw new Error(`there is no part ${name}; there are ${Object.keys(PARTS).join(", ")}`);
  const work = temporary();
  try {
    const bench = new Bench(work, Number(values.seconds), Number(values.rounds));
    await part.run(bench);
    const text = bench.section(name, part.title);
    console.log(text);
    if (!values["no-report"]) await report(`kv-${name}`, text, bench.comparisons);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
