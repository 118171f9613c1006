// What a test sees and does beside the client: the keys on a server, and single items changed by hand.

import { memcachedRequest } from "./memcached-request.ts";

/** All keys of the server, sorted. */
export async function keysOn(server: string): Promise<string[]> {
  const dump = await memcachedRequest(server, "lru_crawler metadump all\r\n");
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
