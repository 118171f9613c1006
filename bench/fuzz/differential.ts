// `npm run fuzz:memcached [-- PROGRAMS [SEED [MOST]]]`: random programs for Cairn and for the memcached of this machine, whose answers are compared.
//
// Tells each program whose answers differ, MOST (1) at most, so that it becomes a defect mended or a line of docs/memcached.md.

import { type Disagreement, withBothServers } from "../../test/fuzz/differential.ts";

const [programs = 50_000, seed = Date.now() % 1_000_000, most = 1] = process.argv.slice(2).map(Number);

const started = performance.now();
const result = await withBothServers((compare) => compare({ programs, seed, most }));
result.disagreements.forEach(tell);
const seconds = ((performance.now() - started) / 1_000).toFixed(1);
console.log(
  `seed ${seed}: ${result.programs} programs, ${result.commands} commands, ${result.bytes} bytes in ${seconds} s, ` +
    `${result.disagreements.length} disagreements`,
);
process.exitCode = result.disagreements.length === 0 ? 0 : 1;

function tell({ seed, sent, answers }: Disagreement): void {
  console.log(`\nseed ${seed}`);
  for (const pipeline of sent) console.log(`  > ${JSON.stringify(pipeline)}`);
  const [ours, theirs] = answers.map((answer) => answer.split("\r\n")) as [string[], string[]];
  const first = ours.findIndex((line, i) => line !== theirs[i]);
  console.log(`  Cairn      ${JSON.stringify(ours.slice(Math.max(0, first - 3), first + 3))}`);
  console.log(`  memcached  ${JSON.stringify(theirs.slice(Math.max(0, first - 3), first + 3))}`);
}
