// What a decision is made in: the time, the limits, and whether anything expires.

import { expiryTime, isExpired, NEVER } from "./expiry.ts";

export interface Moment {
  /** ms since 1970. */
  readonly now: number;
  /** The cas unique of the next change. */
  readonly nextCas: number;
  /** Bytes an item may take. */
  readonly maxItem: number;
  /** A value of more bytes is spooled. */
  readonly spoolFrom: number;
  /** Whether exptimes take effect. */
  readonly expire: boolean;
}

/** When an item with this exptime, as it was sent, expires; ms since 1970. */
export function expiryOf(exptime: number, { now, expire }: Moment): number {
  return expire ? expiryTime(exptime, now) : NEVER;
}

/** What is stored as expired already is not stored: nobody could see it. */
export function isPast(expiry: number, { now }: Moment): boolean {
  return isExpired({ exptime: expiry }, now);
}
