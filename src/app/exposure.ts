// Whether a server would be open to the network without a password, which it must be told to be.

import { Fault } from "../wire/faults.ts";
import type { Settings } from "./settings.ts";

type Exposed = Pick<
  Settings,
  "host" | "insecure" | "authFile" | "memcachedPort" | "httpPort" | "imagePort" | "mergePort"
>;

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The doors that anybody who reaches the address may use; none on loopback. */
export function openToAnybody(settings: Exposed): readonly string[] {
  if (isLoopback(settings.host) || settings.authFile !== undefined) return [];
  const { memcachedPort, httpPort, imagePort, mergePort } = settings;
  const doors = [
    ["memcached", memcachedPort],
    ["the dashboard", httpPort],
    ["images", imagePort],
    ["merges", mergePort],
  ] as const;
  return doors.filter(([, port]) => port !== "off").map(([name]) => name);
}

/** Fault `invalid`, with what to do, unless `--insecure` says that it is meant so. */
export function refuseExposure(settings: Exposed): void {
  const doors = openToAnybody(settings);
  if (settings.insecure || doors.length === 0) return;
  const list = doors.join(", ");
  throw new Fault("invalid", `--host ${settings.host} would open ${list} to the network without a password`, {
    hint:
      "Name the users in a file by 'cairn password USER >> users' and pass --auth-file users; or close the doors " +
      "(--http-port off …); or pass --insecure if only those can reach it who may use it.",
  });
}
