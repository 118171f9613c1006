// What `cairn serve` prints once every door is open.

import { type DoorPorts, doorList } from "./door-list.ts";
import type { Settings } from "./settings.ts";

/** The banner's lines, with URLs that a terminal makes clickable. */
export function bannerOf(version: string, settings: Settings, ports: DoorPorts): string {
  return [
    `cairn ${version} is ready`,
    "",
    ...doorList(settings.host, ports).map(({ name, url }) => row(name, url)),
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
