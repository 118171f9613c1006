// Run by Node and by Bun on the built library: stores and retrieves one file, and tells what it saw as JSON.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [library, server, path, name] = process.argv.slice(2);
const { openLargeFiles, AlreadyExists, Fault } = await import(pathToFileURL(library).href);
// Not maxRSS: across fork and exec that remembers the parent's.
const peak = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
const before = peak();

const files = await openLargeFiles({ servers: [server] });
const stored = await files.store(name, path);
const again = await files.store(name, path).catch((error) => error);
const hash = createHash("sha256");
let size = 0;
for await (const chunk of await files.retrieve(name, { reuse: true })) {
  hash.update(chunk);
  size += chunk.length;
}
const listed = [];
for await (const file of files.list()) listed.push(file.name);
const verified = await files.verify(name);
await files.remove(name);
await files.close();

console.log(
  JSON.stringify({
    runtime: process.versions.bun ? "bun" : "node",
    stored,
    size,
    sha256: hash.digest("hex"),
    listed,
    verified: verified.sha256,
    again: [again instanceof AlreadyExists, again instanceof Fault, again.code, again.name],
    grown: peak() - before,
  }),
);
