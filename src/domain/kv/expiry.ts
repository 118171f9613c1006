// Exptimes of the protocol, as times on our clock (protocol.txt "Expiration times").

/** Above it an exptime is a time in seconds since 1970, up to it seconds from now. */
const LONGEST_RELATIVE = 60 * 60 * 24 * 30;

/** When a `flush_all delay` that is given at `now` takes effect; both in ms since 1970. */
export function flushTime(delay: number, now: number): number {
  if (delay <= 0) return now;
  return delay <= LONGEST_RELATIVE ? now + delay * 1_000 : delay * 1_000;
}
