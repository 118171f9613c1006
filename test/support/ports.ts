// Free TCP ports for programs that cannot be told "any" (our own can: port 0), and asking whether one listens.

import { connect, createServer } from "node:net";
import { until } from "./until.ts";

/** A loopback port that was free a moment ago. Somebody may take it before you do: start again with another then. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** True if something accepts connections there. */
export function listens(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Waits for it. */
export async function untilListening(port: number, host = "127.0.0.1"): Promise<void> {
  await until(`something listens on ${host}:${port}`, () => listens(port, host));
}
