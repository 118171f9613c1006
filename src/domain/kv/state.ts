// The bits that the rules keep with an item: what the meta commands know of it.

/** `md I` or `ms I` marked it as out of date: it is still given out, and the first to fetch it wins. */
export const STALE = 1;

/** A client was told that it has won, and so to make the value anew. */
export const WON = 2;

/** The key was given in base64 when the item was stored, and is told in base64 too. */
export const BINARY_KEY = 4;
