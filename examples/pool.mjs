// A pool of three servers with parity: any one of them may die: node examples/pool.mjs FILE a:11211 b:11211 c:11211
// (in this repository after `npm run build`; elsewhere after `npm install cairn-store`)

import { basename } from "node:path";
import { openLargeFiles } from "cairn-store/memcached";

const [path = "package.json", ...servers] = process.argv.slice(2);
const name = basename(path);
const files = await openLargeFiles({ servers });

const stored = await files.store(name, path, { parity: 1, replace: true });
process.stdout.write(
  `stored ${stored.chunks} chunks in groups of ${stored.group}, with a parity chunk each\n`,
);
const { rebuilt, sha256 } = await files.verify(name);
process.stdout.write(`verified sha256 ${sha256}; ${rebuilt.length} chunks had to be rebuilt\n`);
await files.close();
