// How large a value may be, so that a client meets the same limit as on memcached.

/** memcached's default `-I 1m`, in bytes. */
export const DEFAULT_MAX_ITEM = 1_048_576;

/**
 * A value of more bytes is spooled: it goes to the disk as it comes and out of it as it goes, and is never in memory whole. As large as the
 * largest of a memcached with default settings: below, values are written once more, with others, which is faster than a file each.
 */
export const SPOOL_FROM = 1_048_576;

/** What memcached 1.6 itself keeps with each item: header, cas unique, the ends of key and value. Measured on 1.6.18. */
const ITEM_OVERHEAD = 59;
const FLAGS_OVERHEAD = 4;

/** What memcached counts for an item, in bytes. */
export function itemSize(keyLength: number, valueLength: number, flags: number): number {
  return ITEM_OVERHEAD + keyLength + (flags === 0 ? 0 : FLAGS_OVERHEAD) + valueLength;
}

/** The most bytes a value may have under a key of `keyLength` bytes, when an item may take `maxItem` bytes. */
export function largestValue(maxItem: number, keyLength: number, flags: number): number {
  return Math.max(0, maxItem - itemSize(keyLength, 0, flags));
}
