// What `upload` and `download` share: where the server is, how long they try, and a password in its address.

import { Fault } from "../wire/faults.ts";
import type { Invocation } from "./command.ts";
import type { Option } from "./option.ts";

export const SERVER: Option = {
  flag: "server",
  type: "text",
  default: "http://127.0.0.1:8000",
  word: "URL",
  help: "the server; user:password@ in it is sent as Basic authentication",
};
export const PATIENCE: Option = {
  flag: "patience",
  type: "duration",
  default: "60s",
  help: "give up after so long without any progress",
};

export interface Address {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** Fault `invalid` for what is no http address. A user and password move from the address into a header. */
export function addressOf(text: string, base?: string): Address {
  if (!URL.canParse(text, base)) throw noAddress(text);
  const url = new URL(text, base);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw noAddress(text);
  const { username, password } = url;
  if (username === "" && password === "") return { url, headers: {} };
  url.username = "";
  url.password = "";
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` } };
}

/** The server's path, under whatever path the server itself stands. */
export function pathOn({ values }: Invocation, path: string): Address {
  const server = String(values.server);
  const { url, headers } = addressOf(/^[a-z]+:\/\//i.test(server) ? server : `http://${server}`);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return { url, headers };
}

function noAddress(text: string): Fault {
  return new Fault("invalid", `${JSON.stringify(text)} is not the address of a server`, {
    hint: "Write it as http://127.0.0.1:8000.",
  });
}
