// The host of an address as it stands in a URL, and as it can be reached.

/** An IPv6 address stands in brackets in a URL. */
export function urlHost(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/** Where a server that listens on `host` is reached from its own machine: one that listens on all addresses, too. */
export function localHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
