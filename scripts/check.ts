// `npm run check`: format, lint, types and architecture. Prints each with its time; a failure with the tool's own words.

import { CHECKS, runChecks } from "./checks.ts";
import { seconds, stopOnSignal } from "./run.ts";

stopOnSignal();
const good = await runChecks(Object.keys(CHECKS), (name, { code, output, ms }) => {
  if (code !== 0) console.log(output.trimEnd());
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${name.padEnd(16)} ${seconds(ms)}`);
});
process.exitCode = good ? 0 : 1;
