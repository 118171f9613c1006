// `cairn health`: asks every door that the settings open whether it answers. For containers and supervisors.

import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { Fault, toFault } from "../wire/faults.ts";
import { localHost, urlHost } from "../wire/hosts.ts";
import { ROUTES } from "../wire/routes.ts";
import type { Command } from "./command.ts";
import { SERVE_SETTINGS } from "./settings.ts";

const PATIENCE_MS = 3_000;
const FLAGS = ["host", "memcached-port", "http-port", "image-port", "merge-port", "tls-cert"];

export const health: Command = {
  name: "health",
  description:
    "Asks every door of a server on this machine whether it answers, taking the ports from the same flags and variables as " +
    "'cairn serve'. Fails unless all do. A password is not needed.",
  usage: "",
  arity: [0, 0],
  options: SERVE_SETTINGS.filter(({ flag }) => FLAGS.includes(flag)),
  async run({ values, output, signal }) {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const host = localHost(String(values.host));
    const isEncrypted = values["tls-cert"] !== undefined;
    const checks = [
      ["memcached", "memcached-port", (port: number) => askMemcached({ host, port }, isEncrypted, patience)],
      ["dashboard", "http-port", (port: number) => askHttp(host, port, patience)],
      ["images", "image-port", (port: number) => askHttp(host, port, patience)],
      ["merges", "merge-port", (port: number) => askHttp(host, port, patience)],
    ] as const;
    const asked = checks.map(async ([name, flag, ask]) => {
      const port = values[flag];
      if (typeof port !== "number") return true;
      const problem = await ask(port).catch((error: unknown) => toFault(error).message);
      output.line(`${name} on port ${port}: ${problem ?? "ok"}`);
      return problem === undefined;
    });
    if ((await Promise.all(asked)).includes(false)) {
      throw new Fault("unreachable", `not every door on ${host} answers`);
    }
  },
};

/** What is wrong, if anything is. */
async function askHttp(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  const answer = await fetch(`http://${urlHost(host)}:${port}${ROUTES.health}`, { signal });
  return answer.ok ? undefined : `status ${answer.status}`;
}

/** It may ask for a password first, and lives too. */
function askMemcached(
  address: { readonly host: string; readonly port: number },
  isEncrypted: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // Whether its certificate is right is its clients' business.
    const socket = isEncrypted ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    const onAbort = () => socket.destroy(new Error("no answer"));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", reject).on("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new Error("closed without an answer"));
    });
    socket.setEncoding("latin1").once("data", (answer: string) => {
      const isWell = answer.startsWith("MN\r\n") || answer.startsWith("CLIENT_ERROR unauthenticated");
      resolve(isWell ? undefined : `answered ${JSON.stringify(answer.slice(0, 80))}`);
      socket.destroy();
    });
    socket.write("mn\r\n");
  });
}
