// Which hosts belong to the network that the server stands in, and not to the public internet.

import { BlockList, isIP } from "node:net";

/** True for `localhost`, and for addresses that are loopback, private, link-local, multicast or reserved. */
export function isPrivateHost(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return /(^|\.)localhost\.?$/i.test(host);
  return PRIVATE.check(host, version === 4 ? "ipv4" : "ipv6");
}

const PRIVATE = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const) {
  PRIVATE.addSubnet(network, bits, "ipv4");
  // The same, reached by an IPv4-mapped or a NAT64 address.
  PRIVATE.addSubnet(`::ffff:${network}`, 96 + bits, "ipv6");
  PRIVATE.addSubnet(`64:ff9b::${network}`, 96 + bits, "ipv6");
}
for (const [network, bits] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const) {
  PRIVATE.addSubnet(network, bits, "ipv6");
}
