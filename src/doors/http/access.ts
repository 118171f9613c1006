// Who may use the HTTP doors: Basic authentication with the users of the auth file.

import type { Credentials } from "../../domain/access/credentials.ts";
import type { Log } from "../../ports/log.ts";
import { Fault } from "../../wire/faults.ts";
import type { HttpServer } from "./route.ts";
import { isCrossSite } from "./sites.ts";

/** Of a browser, which then asks its user; `charset` lets it send names and passwords as UTF-8 (RFC 7617 §2.1). */
export const CHALLENGE = 'Basic realm="Cairn", charset="UTF-8"';
/** Far above what `cairn password` lets through. */
const LONGEST_HEADER = 2_048;

/**
 * Resolves when the request may be answered. Faults: `unauthenticated`, `forbidden` for a page of another site, `busy`.
 *
 * A browser adds a password that it knows to requests of any page. Those of other sites are refused, or such a page
 * could upload in the name of whoever looks at it.
 */
export async function admit(
  request: Request,
  server: HttpServer,
  users: Credentials,
  log: Log,
): Promise<void> {
  if (isCrossSite(request)) {
    throw new Fault("forbidden", "with passwords, pages of other sites are not answered");
  }
  const given = readBasic(request.headers.get("authorization"));
  if (!given) throw unauthenticated("a user and a password are needed");
  if (await users.verify(given.user, given.password)) return;
  log.warn("http.authentication-failed", { user: given.user, peer: server.requestIP(request)?.address });
  throw unauthenticated("the user or the password is wrong");
}

/** A character for each byte; undefined for what is no Basic authentication. */
function readBasic(header: string | null): { user: string; password: string } | undefined {
  if (header === null || header.length > LONGEST_HEADER) return undefined;
  const token = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header.trim())?.[1];
  if (token === undefined) return undefined;
  const pair = Buffer.from(token, "base64").toString("latin1");
  const colon = pair.indexOf(":");
  return colon < 0 ? undefined : { user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

function unauthenticated(message: string): Fault {
  return new Fault("unauthenticated", message, {
    hint: "Send them as Basic authentication: 'curl -u user:password', or http://user:password@host to the commands of cairn.",
  });
}
