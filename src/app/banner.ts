// What `cairn serve` prints once every door is open.

import { type DoorPorts, doorList } from "./door-list.ts";
import { openToAnybody } from "./exposure.ts";
import type { Settings } from "./settings.ts";

/** The banner's lines, with URLs that a terminal makes clickable. */
export function bannerOf(version: string, settings: Settings, ports: DoorPorts): string {
  return [
    `cairn ${version} is ready`,
    "",
    ...doorList(settings.host, ports).map(({ name, url }) => row(name, url)),
    ...(settings.memcachedSocket === undefined ? [] : [row("socket", settings.memcachedSocket)]),
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

function warnings(settings: Settings): string[] {
  const doors = openToAnybody(settings);
  if (doors.length === 0) return [];
  return [
    `  WARNING: open to the network on ${settings.host} without a password: ${doors.join(", ")}.`,
    "  Name its users with --auth-file, or keep it in a private network.",
    "",
  ];
}
