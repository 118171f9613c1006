// What `cairn serve` prints once every door is open.

import type { Settings } from "./settings.ts";

/** Where each door listens; null: it is closed. */
export interface OpenDoors {
  readonly memcached: number | null;
  readonly http: number | null;
  readonly image: number | null;
  readonly merge: number | null;
}

/** The banner's lines, with URLs that a terminal makes clickable. */
export function bannerOf(version: string, settings: Settings, doors: OpenDoors): string {
  const host = urlHost(settings.host);
  const door = (name: string, port: number | null, path?: string) =>
    row(
      name,
      port === null ? "closed" : `${path === undefined ? "" : "http://"}${host}:${port}${path ?? ""}`,
    );
  return [
    `cairn ${version} is ready`,
    "",
    door("dashboard", doors.http, "/"),
    door("images", doors.image, "/image"),
    door("merges", doors.merge, "/initiate"),
    door("memcached", doors.memcached),
    "",
    row("items", `${settings.database} (sync ${settings.sync})`),
    row("files", settings.data),
    row("logs", settings.logs),
    row("workers", settings.workers === 0 ? "none here: run 'cairn worker'" : String(settings.workers)),
    "",
    ...warnings(settings),
  ].join("\n");
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(10)} ${value}`;
}

function warnings({ host }: Settings): string[] {
  if (isLoopback(host)) return [];
  return [
    `  WARNING: every door is open to the network on ${host}, and none asks for a password.`,
    "  Put a proxy that does in front of it, or keep it in a private network.",
    "",
  ];
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** An address that a browser on this machine can open. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
