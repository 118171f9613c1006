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

/** The doors that anybody who reaches the address may use; none on loopback. The HTTP doors have no passwords yet. */
export function openToAnybody(settings: Exposed): readonly string[] {
  if (isLoopback(settings.host)) return [];
  const { authFile, memcachedPort, httpPort, imagePort, mergePort } = settings;
  const doors = [
    ["memcached", authFile === undefined ? memcachedPort : "off"],
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
      "Leave --host away and put a proxy that asks for one in front; or protect memcached with --auth-file and close the " +
      "others (--http-port off …); or pass --insecure if only those can reach it who may use it.",
  });
}
