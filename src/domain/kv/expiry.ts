// Exptimes of the protocol, as times on our clock (protocol.txt "Expiration times").

/** Above it an exptime is a time in seconds since 1970, up to it seconds from now. */
const LONGEST_RELATIVE = 60 * 60 * 24 * 30;
const LONG_AGO = 1;

/** What an exptime of an item means: never. */
export const NEVER = 0;

/** When an item with this exptime, given at `now`, expires; both in ms since 1970. Negative: it has. */
export function expiryTime(exptime: number, now: number): number {
  if (exptime === 0) return NEVER;
  if (exptime < 0) return LONG_AGO;
  const at = exptime <= LONGEST_RELATIVE ? now + exptime * 1_000 : exptime * 1_000;
  return Math.min(at, Number.MAX_SAFE_INTEGER);
}

export function isExpired({ exptime }: { readonly exptime: number }, now: number): boolean {
  return exptime !== NEVER && exptime <= now;
}

/** When a `flush_all delay` that is given at `now` takes effect; both in ms since 1970. */
export function flushTime(delay: number, now: number): number {
  if (delay <= 0) return now;
  return delay <= LONGEST_RELATIVE ? now + delay * 1_000 : delay * 1_000;
}
