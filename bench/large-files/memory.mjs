// A stream of so many bytes stored and retrieved by the built library: seconds, and megabytes over the idle process, as JSON.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [library, port, text] = process.argv.slice(2);
const size = Number(text);
const { openLargeFiles } = await import(pathToFileURL(library).href);
const peak = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
const block = randomBytes(1_048_576);
const before = peak();

async function* bytes() {
  for (let sent = 0; sent < size; sent += block.length) {
    block.writeUInt32LE(sent / block.length, 0);
    yield block.subarray(0, Math.min(block.length, size - sent));
  }
}

const files = await openLargeFiles({ servers: [`127.0.0.1:${port}`], maxSize: size });
const begin = performance.now();
await files.store("big", bytes(), { size });
const stored = performance.now();
let read = 0;
for await (const piece of await files.retrieve("big", { reuse: true })) read += piece.length;
const retrieved = performance.now();
await files.remove("big");
await files.close();
if (read !== size) throw new Error(`read ${read} of ${size} bytes`);
console.log(JSON.stringify([(stored - begin) / 1000, (retrieved - stored) / 1000, peak() - before]));
