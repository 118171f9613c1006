// Run by Node: tus-js-client sends one file to a server, and tells what happened as JSON.

import { createReadStream, readSync, statSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { PassThrough } from "node:stream";

const [origin, path, mode] = process.argv.slice(2);
const { Upload } = createRequire(import.meta.url)("tus-js-client");
const size = statSync(path).size;
const MODES = {
  whole: {},
  chunks: { chunkSize: 3_000_000 },
  parallel: { parallelUploads: 4 },
  creation: { uploadDataDuringCreation: true },
  deferred: { uploadLengthDeferred: true, chunkSize: 3_000_000 },
  abort: { chunkSize: 3_000_000 },
  restart: {},
  draft3: { protocol: "ietf-draft-03", chunkSize: 3_000_000 },
  draft5: { protocol: "ietf-draft-05", chunkSize: 3_000_000 },
};
const requests = [];
const seen = { requests };
let isHalfSeen = false;

const options = {
  endpoint: `${origin}/uploads`,
  retryDelays: [0, 50, 200, 500, 1000, 2000],
  metadata: { filename: "ünder way.bin", filetype: "application/x-test" },
  ...MODES[mode],
  onAfterResponse: (request, response) => {
    const offset = response.getHeader("Upload-Offset");
    requests.push(`${request.getMethod()} ${response.getStatus()} ${offset ?? "-"}`);
  },
  onProgress: (sent) => {
    if (mode !== "restart" || isHalfSeen || sent < size / 2) return;
    isHalfSeen = true;
    // Blocks this process until the test has done to the server what it wants.
    writeSync(1, "half\n");
    readSync(0, Buffer.alloc(1));
  },
};

await new Promise((resolve, reject) => {
  const file = createReadStream(path);
  // The length of a stream is not known before its end.
  const upload = new Upload(mode === "deferred" ? file.pipe(new PassThrough()) : file, {
    ...options,
    onError: reject,
    onSuccess: () => {
      seen.url = upload.url;
      resolve();
    },
    onChunkComplete: () => {
      if (mode === "abort") upload.abort().then(() => resume(upload.url, resolve, reject));
    },
  });
  upload.start();
});
console.log(JSON.stringify(seen));

/** As after a restart of the client: nothing but the URL is known. */
function resume(uploadUrl, resolve, reject) {
  requests.push("aborted");
  seen.url = uploadUrl;
  const onSuccess = () => resolve();
  new Upload(createReadStream(path), { ...options, uploadUrl, onError: reject, onSuccess }).start();
}
