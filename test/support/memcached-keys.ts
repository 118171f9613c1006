// What a test sees and does beside the client: the keys on a server, and single items changed by hand.

import { connect } from "node:net";
import { memcachedRequest } from "./memcached-request.ts";

/** All keys of the server, sorted. */
export async function keysOn(server: string): Promise<string[]> {
  const dump = await metadump(server);
  return [...dump.matchAll(/^key=(\S+)/gm)].map(([, key = ""]) => decodeURIComponent(key)).sort();
}

export async function chunksOn(server: string): Promise<string[]> {
  return (await keysOn(server)).filter((key) => key.includes(":chunk:"));
}

export async function setItem(server: string, key: string, value: string): Promise<void> {
  const answer = await memcachedRequest(server, `set ${key} 0 0 ${value.length}\r\n${value}\r\n`);
  if (answer !== "STORED\r\n") throw new Error(`set ${key}: ${answer}`);
}

export async function deleteItem(server: string, key: string): Promise<void> {
  const answer = await memcachedRequest(server, `delete ${key}\r\n`);
  if (answer !== "DELETED\r\n") throw new Error(`delete ${key}: ${answer}`);
}

/** A listing goes alone: memcached drops what is pipelined behind it. */
function metadump(server: string): Promise<string> {
  const [host = "", port = ""] = server.split(":");
  return new Promise((resolve, reject) => {
    let answer = "";
    const ask = () => socket.write("lru_crawler metadump hash\r\n");
    const socket = connect({ host, port: Number(port) }, ask);
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => {
      answer += piece;
      // Another listing is being ended yet.
      if (answer.startsWith("BUSY") && answer.endsWith("\r\n")) {
        answer = "";
        setImmediate(ask);
      }
      if (!answer.endsWith("END\r\n")) return;
      socket.destroy();
      resolve(answer);
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`${server} closed the connection after ${answer}`)));
  });
}
