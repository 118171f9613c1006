// Stores a file in memcached and fetches it again, checked: node examples/large-files.mjs FILE [host:port]
// (in this repository after `npm run build`; elsewhere after `npm install cairn-store`)

import { basename } from "node:path";
import { AlreadyExists, Evicted, openLargeFiles } from "cairn-store/memcached";

const [path = "package.json", server = "127.0.0.1:11211"] = process.argv.slice(2);
const name = basename(path);
const files = await openLargeFiles({ servers: [server] });
let ours = true;

try {
  const stored = await files.store(name, path, { signal: AbortSignal.timeout(60_000) });
  process.stdout.write(`stored ${stored.size} bytes in ${stored.chunks} chunks\n`);
} catch (error) {
  if (!(error instanceof AlreadyExists)) throw error;
  process.stdout.write(`${error.message}\n`);
  ours = false;
}

try {
  const retrieval = await files.retrieve(name);
  let size = 0;
  for await (const chunk of retrieval) size += chunk.length;
  process.stdout.write(`read ${size} bytes, sha256 ${retrieval.file.sha256}\n`);
} catch (error) {
  if (!(error instanceof Evicted)) throw error;
  process.stdout.write(`lost: chunks ${error.missing.join(", ")} of ${error.total}\n`);
} finally {
  if (ours) await files.remove(name);
  await files.close();
}
