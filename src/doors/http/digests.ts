// The digest headers of RFC 9530: written for what we send, checked on what we receive.

import { Fault } from "../../wire/faults.ts";

/** `sha-256=:…:` from 64 hexadecimal digits. */
export function reprDigest(sha256: string): string {
  return `sha-256=:${Uint8Array.fromHex(sha256).toBase64()}:`;
}

/** The SHA-256 in a Repr-Digest or Content-Digest header as hexadecimal digits; undefined if it has none. Fault `invalid`. */
export function readSha256(name: string, header: string | null): string | undefined {
  for (const member of header?.split(",") ?? []) {
    const [, algorithm, value = ""] = /^\s*([a-z0-9-]+)\s*=\s*:([A-Za-z0-9+/=]*):\s*$/.exec(member) ?? [];
    if (algorithm === undefined) {
      throw new Fault("invalid", `${name} is malformed at ${JSON.stringify(member.slice(0, 80))}`, {
        hint: "Write sha-256=:<base64>: as RFC 9530 says.",
      });
    }
    if (algorithm !== "sha-256") continue;
    const digest = Buffer.from(value, "base64");
    if (digest.length !== 32) throw new Fault("invalid", `the sha-256 in ${name} does not have 32 bytes`);
    return digest.toString("hex");
  }
  return undefined;
}
