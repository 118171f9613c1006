// The built library, on the runtime that runs this file: seconds of each store and retrieve as JSON.

import { pathToFileURL } from "node:url";

const [library, port, path, rounds] = process.argv.slice(2);
const { openLargeFiles } = await import(pathToFileURL(library).href);
const files = await openLargeFiles({ servers: [`127.0.0.1:${port}`] });
const results = [];
for (let round = 0; round < Number(rounds); round++) {
  const begin = performance.now();
  await files.store("bench", path);
  const stored = performance.now();
  for await (const _ of await files.retrieve("bench", { reuse: true }));
  results.push([(stored - begin) / 1000, (performance.now() - stored) / 1000]);
  await files.remove("bench");
}
await files.close();
console.log(JSON.stringify(results));
