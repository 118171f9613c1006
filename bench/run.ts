// `npm run bench [-- NAME…]`: runs every benchmark (or those named) one after the other, so that none disturbs another.

import { existsSync, readdirSync } from "node:fs";

const names = readdirSync(import.meta.dir).filter((name) => existsSync(`${import.meta.dir}/${name}/run.ts`));
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : names) {
  if (!names.includes(name)) throw new Error(`there is no benchmark ${name}; there are: ${names.join(", ")}`);
  console.log(`\n== ${name}`);
  const bench = Bun.spawn([process.execPath, `${import.meta.dir}/${name}/run.ts`], {
    stdio: ["inherit", "inherit", "inherit"],
  });
  if ((await bench.exited) !== 0) throw new Error(`the benchmark ${name} failed`);
}
