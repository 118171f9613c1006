// How ids and digests stand in columns: UUIDs and SHA-256 as bytes, half as long as their text; all else as it is.
//
// Every small file is read and written with them, so they are written for speed: an id is unpacked in 0.1 µs, by way of a
// Buffer and a list of its parts it took 3.

const UUID = /^(?:s-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DIGEST = /^[0-9a-f]{64}$/;

/** The mark of blobs and staged bytes that are rows of SQLite. */
const SMALL = "s-";
const SMALL_BYTE = "73";

/** True when `id` names a blob, or staged bytes, that are rows of SQLite. */
export function isSmallId(id: string): boolean {
  return id.startsWith(SMALL);
}

/** In the order of time, so that what is stored together lies together. */
export function newSmallId(): string {
  return SMALL + Bun.randomUUIDv7();
}

/** A UUID becomes 16 bytes, or 17 with the mark; every other id stays text. `sqlPacked` says the same in SQL. */
export function packId(id: string): string | Uint8Array {
  if (!UUID.test(id)) return id;
  const digits = id.replaceAll("-", "");
  return Uint8Array.fromHex(digits.length === 33 ? SMALL_BYTE + digits.slice(1) : digits);
}

export function unpackId(packed: string | Uint8Array): string {
  if (typeof packed === "string") return packed;
  const digits = packed.toHex();
  return digits.length === 34 ? SMALL + hyphenated(digits.slice(2)) : hyphenated(digits);
}

export function packDigest(sha256: string): string | Uint8Array {
  return DIGEST.test(sha256) ? Uint8Array.fromHex(sha256) : sha256;
}

export function unpackDigest(packed: string | Uint8Array): string {
  return typeof packed === "string" ? packed : packed.toHex();
}

/** The SQL expression that packs the text `column`, for migrations. */
export function sqlPacked(column: string): string {
  const hex = "[0-9a-f]";
  const uuid = [8, 4, 4, 4, 12].map((digits) => hex.repeat(digits)).join("-");
  return `CASE WHEN ${column} GLOB '${uuid}' THEN unhex(replace(${column}, '-', ''))
    WHEN ${column} GLOB 's-${uuid}' THEN unhex('${SMALL_BYTE}' || substr(replace(${column}, '-', ''), 2))
    ELSE ${column} END`;
}

function hyphenated(digits: string): string {
  const first = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}`;
  return `${first}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}
