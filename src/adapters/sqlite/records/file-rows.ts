// A file's record as a row: what follows from the rest is NULL, so that the row of a small image has about 100 bytes.

import type { FileRecord } from "../../../ports/records.ts";
import { packDigest, packId, unpackDigest, unpackId } from "./packed-ids.ts";

type Packed = string | Uint8Array;

export interface FileRow {
  readonly sequence: number;
  readonly id: Packed;
  readonly version: number;
  /** NULL: of an image, its digest and `.txt`. */
  readonly name: string | null;
  readonly size: number;
  readonly sha256: Packed;
  /** NULL: `TEXT`. */
  readonly media_type: string | null;
  /** NULL: the blob has the file's id. */
  readonly blob: Packed | null;
  /** NULL: the upload of the image with this digest. */
  readonly origin: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly expires_at: number | null;
}

const TEXT = "text/plain; charset=utf-8";
const IMAGE = "upload:image:";

const COLUMNS =
  "id, version, name, size, sha256, media_type, blob, origin, created_at, updated_at, expires_at";
export const INSERT_FILE = `INSERT INTO files (${COLUMNS}) VALUES (${COLUMNS.replace(/[^,]+/g, "?")})
  ON CONFLICT (id) DO NOTHING`;
/** Its values are followed by the id and the version that is replaced. */
export const REPLACE_FILE = `UPDATE files SET (${COLUMNS}) = (${COLUMNS.replace(/[^,]+/g, "?")})
  WHERE id = ? AND version = ?`;

/** The name of images, which follows from their digest, in SQL. */
export const SQL_IMAGE_NAME = "lower(hex(sha256)) || '.txt'";

/** In the order of `INSERT_FILE`. */
export function fileValues(file: FileRecord): (Packed | number | null)[] {
  const { id, version, name, size, sha256, mediaType, blob, origin, createdAt, updatedAt, expiresAt } = file;
  const digest = packDigest(sha256);
  const isImage = typeof digest !== "string" && origin === IMAGE + sha256;
  return [
    packId(id),
    version,
    isImage && name === `${sha256}.txt` ? null : name,
    size,
    digest,
    mediaType === TEXT ? null : mediaType,
    blob === id ? null : packId(blob),
    isImage ? null : origin,
    ...[createdAt, updatedAt, expiresAt],
  ];
}

/** The digest of the image that `origin` tells of, if it is one. */
export function imageDigest(origin: string): string | undefined {
  return origin.startsWith(IMAGE) ? origin.slice(IMAGE.length) : undefined;
}

export function fileOf(row: FileRow): FileRecord {
  const sha256 = unpackDigest(row.sha256);
  const id = unpackId(row.id);
  return {
    id,
    version: row.version,
    name: row.name ?? `${sha256}.txt`,
    size: row.size,
    sha256,
    mediaType: row.media_type ?? TEXT,
    blob: row.blob === null ? id : unpackId(row.blob),
    origin: row.origin ?? IMAGE + sha256,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    expiresAt: row.expires_at,
  };
}
