// A connection that says who it is, as memcached's auth file asks for it: a `set` whose value is `user password`.

import type { DoorContext } from "./context.ts";

export const WELCOME = "STORED";

/** Resolves with the line to answer; `WELCOME`: from now on it may do what it likes. */
export async function authenticate(
  { figures, credentials, log }: DoorContext,
  { user, password }: { readonly user: string; readonly password: string },
  peer: string,
): Promise<string> {
  figures.authCommands++;
  const right = (await credentials()?.verify(user, password)) ?? true;
  if (right) return WELCOME;
  figures.authErrors++;
  log.warn("memcached.authentication-failed", { user, peer });
  return "CLIENT_ERROR authentication failure";
}
