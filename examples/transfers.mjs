// Uploads a file and downloads it again, checked, resumable: node examples/transfers.mjs FILE [http://host:port]
// (in this repository after `npm run build`; elsewhere after `npm install cairn-store`)

import { download, isFault, upload } from "cairn-store/client";

const [path = "package.json", server = "http://127.0.0.1:8000"] = process.argv.slice(2);
const show = ({ done, total }) => process.stderr.write(`\r${done} of ${total} bytes`);

try {
  const up = await upload(path, { url: `${server}/uploads`, parallel: 2, onProgress: show });
  process.stdout.write(`\n${up.name} is ${up.id}, sha256 ${up.sha256}, verified: ${up.verified}\n`);
  const down = await download(up.fileUrl, `${path}.copy`, { parallel: 4, onProgress: show });
  process.stdout.write(`\n${down.size} bytes came back, verified: ${down.verified}\n`);
} catch (error) {
  if (!isFault(error)) throw error;
  // Run it again: what was transferred is not transferred twice.
  process.stderr.write(`\n${error.code}: ${error.message}\n${error.hint ?? ""}\n`);
  process.exitCode = 1;
}
