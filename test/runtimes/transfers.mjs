// Run by Node and by Bun on the built library: uploads a file, downloads it again, and tells what it saw as JSON.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [library, server, source, target, state, parallel = "2"] = process.argv.slice(2);
const { download, folderStore, Fault, upload } = await import(pathToFileURL(library).href);
// Not maxRSS: across fork and exec that remembers the parent's.
const peak = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
const before = peak();
const say = (line) => process.stdout.write(`${line}\n`);
const progress =
  (what) =>
  ({ done, total }) => {
    if (done > total / 2) say(`half ${what}`);
  };

const options = { url: `${server}/uploads`, store: folderStore(state), parallel: Number(parallel) };
const uploaded = await upload(source, { ...options, onProgress: progress("uploaded") });
const settings = { parallel: Number(parallel), onProgress: progress("downloaded") };
const downloaded = await download(uploaded.fileUrl, target, settings);
const missing = await download(`${server}/files/nothing`, target).catch((error) => error);
say(
  JSON.stringify({
    runtime: process.versions.bun ? "bun" : "node",
    uploaded,
    downloaded,
    missing: [missing instanceof Fault, missing.code],
    grown: peak() - before,
  }),
);
