// The thread that hashes large staged files, so that no other request waits for a turn meanwhile.

import { parentPort } from "node:worker_threads";
import { type HashRequest, startHashing } from "./hash-queue.ts";

const port = parentPort;
if (port) {
  const hashing = startHashing((answer) => port.postMessage(answer));
  port.on("message", (request: HashRequest) => hashing.take(request));
}
