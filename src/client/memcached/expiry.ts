// The exptimes of a file's items, as memcached counts them: 0 never, spans in seconds, or times.

/** Above it an exptime is a time, not a span (protocol.txt "Expiration times"). */
const SPAN_MAX = 2_592_000;
/** Chunks live this many seconds longer than their manifest, so that no reader sees it outlive them. */
const CHUNK_GRACE = 5;

/** The last time that memcached can tell, in seconds: 2038-01-19. */
const TIME_MAX = 2_147_483_647;

/** Whether an item that is stored now may live so many ms. */
export function isTtl(ttl: number): boolean {
  return ttl > 0 && exptime(Math.ceil(ttl / 1_000) + CHUNK_GRACE, Date.now()) <= TIME_MAX;
}

/** `ttl` in ms, undefined: never; `startedAt` as Date.now() tells it, when the first chunk went. */
export function chunkExptime(ttl: number | undefined, startedAt: number): number {
  return ttl === undefined ? 0 : exptime(Math.ceil(ttl / 1_000) + CHUNK_GRACE, startedAt);
}

/** For a manifest that goes now: it ends as long after the start as the chunks do. */
export function manifestExptime(ttl: number | undefined, startedAt: number): number {
  if (ttl === undefined) return 0;
  const now = Date.now();
  const elapsed = Math.floor((now - startedAt) / 1_000);
  return exptime(Math.max(1, Math.ceil(ttl / 1_000) - elapsed), now);
}

/** Of a manifest's `expiresAt`. */
export function exptimeAt(expiresAt: number | null): number {
  return expiresAt === null ? 0 : Math.ceil(expiresAt / 1_000);
}

/** Of the chunks of a manifest with that `expiresAt`. */
export function chunkExptimeAt(expiresAt: number | null): number {
  return expiresAt === null ? 0 : exptimeAt(expiresAt) + CHUNK_GRACE;
}

function exptime(seconds: number, from: number): number {
  return seconds <= SPAN_MAX ? seconds : Math.ceil(from / 1_000) + seconds;
}
