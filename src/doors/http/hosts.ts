// Which Host a request may name where nobody is asked for a password: a page whose own name was pointed at this server has that one.

import { Fault } from "../../wire/faults.ts";

/**
 * Throws unless a request may be answered. Faults: `forbidden` for a name that may be a stranger's, `invalid` for a Host that is none.
 *
 * A browser takes a page and this server for one site when the page's owner lets the name of both lead here (DNS rebinding);
 * then only the name in Host tells. Addresses, names without a dot and those of local networks (RFC 6761, 6762, 8375) are
 * nobody's on the internet.
 */
export type HostCheck = (request: Request) => void;

/** `allowed`: further names, in lower case; `.example.com` is all below it, `*` is any. */
export function hostCheck(allowed: readonly string[]): HostCheck {
  if (allowed.includes("*")) return () => undefined;
  // Nearly all requests name the same few; kept as they were sent, ports and all.
  const known = new Set<string>();
  return ({ headers }) => {
    const header = headers.get("host") ?? "";
    if (known.has(header)) return;
    const name = nameOf(header);
    if (!isLocal(name) && !allowed.some((pattern) => matches(name, pattern))) throw refusal(name);
    if (known.size < MAX_KNOWN) known.add(header);
  };
}

const MAX_KNOWN = 64;

/** RFC 9112 §3.2: a name or an address, perhaps a port; empty without one. */
function nameOf(header: string): string {
  const name = /^(\[[\da-f:.]+\]|[\w.-]*)(?::\d*)?$/i.exec(header.trim())?.[1];
  if (name !== undefined) return name.toLowerCase().replace(/\.$/, "");
  throw new Fault(
    "invalid",
    `the Host ${JSON.stringify(header.slice(0, 80))} is neither a name nor an address`,
  );
}

function isLocal(name: string): boolean {
  return (
    !name.includes(".") ||
    name.startsWith("[") ||
    /^\d+\.\d+\.\d+\.\d+$/.test(name) ||
    /\.(localhost|local|internal|test|home\.arpa)$/.test(name)
  );
}

function matches(name: string, pattern: string): boolean {
  return name === pattern || (pattern.startsWith(".") && name.endsWith(pattern));
}

function refusal(name: string): Fault {
  return new Fault(
    "forbidden",
    `without passwords, requests for the host ${JSON.stringify(name.slice(0, 80))} are not answered`,
    {
      hint: `If it is a name of this server, start it with --allowed-hosts ${name.slice(0, 80)}; addresses and localhost always work.`,
    },
  );
}
