// The open doors and where they are, for the banner and the dashboard.

import { localHost, urlHost } from "../wire/hosts.ts";

/** The ports that were bound; null: that door is closed. */
export interface DoorPorts {
  readonly memcached: number | null;
  readonly http: number | null;
  readonly image: number | null;
  readonly merge: number | null;
}

export interface DoorAddress {
  readonly name: string;
  /** A URL that a browser can open, or `host:port` for memcached. */
  readonly url: string;
}

/** Those that are open. */
export function doorList(host: string, ports: DoorPorts): readonly DoorAddress[] {
  const at = urlHost(localHost(host));
  return [
    ...(ports.http === null ? [] : [{ name: "dashboard", url: `http://${at}:${ports.http}/` }]),
    ...(ports.image === null ? [] : [{ name: "images", url: `http://${at}:${ports.image}/image` }]),
    ...(ports.merge === null ? [] : [{ name: "merges", url: `http://${at}:${ports.merge}/initiate` }]),
    ...(ports.memcached === null ? [] : [{ name: "memcached", url: `${at}:${ports.memcached}` }]),
  ];
}
