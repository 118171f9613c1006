// One request to a memcached server over a connection of its own, answered as text.

import { connect } from "node:net";

/** Sends `request`, then `mn`, and returns (as latin1) all that was answered before its `MN`. */
export function memcachedRequest(server: string, request: string): Promise<string> {
  const [host = "", port = ""] = server.split(":");
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host, port: Number(port) }, () => socket.write(`${request}mn\r\n`, "latin1"));
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => {
      answer += piece;
      if (answer.endsWith("MN\r\n")) {
        socket.destroy();
        resolve(answer.slice(0, -"MN\r\n".length));
      }
    });
    socket.on("error", reject);
    socket.on("close", () =>
      reject(new Error(`${server} closed the connection after ${JSON.stringify(answer)}`)),
    );
  });
}
