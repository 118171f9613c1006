// An upload's record as a row: the columns that lists and sweepers search by, and the rest as JSON.

import type { UploadRecord } from "../../../ports/records.ts";

export interface UploadRow {
  readonly sequence: number;
  readonly id: string;
  readonly version: number;
  readonly name: string;
  readonly state: UploadRecord["state"];
  readonly expires_at: number | null;
  readonly document: string;
}

const COLUMNS = "version, name, state, expires_at, document, id";
export const INSERT_UPLOAD = `INSERT INTO uploads (${COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
  ON CONFLICT (id) DO NOTHING`;
/** Most changes leave what is indexed as it is; setting it again would write every index again. */
export const REPLACE_DOCUMENT = `UPDATE uploads SET version = ?1, document = ?5
  WHERE id = ?6 AND version = ?1 - 1 AND name = ?2 AND state = ?3 AND expires_at IS ?4`;
export const REPLACE_UPLOAD = `UPDATE uploads SET version = ?1, name = ?2, state = ?3, expires_at = ?4, document = ?5
  WHERE id = ?6 AND version = ?1 - 1`;

/** In the order of the statements. */
export function uploadValues(upload: UploadRecord): (string | number | null)[] {
  const { id, version, name, state, expiresAt, ...document } = upload;
  return [version, name, state, expiresAt, JSON.stringify(document), id];
}

export function uploadOf({ document, id, version, name, state, expires_at }: UploadRow): UploadRecord {
  return { ...JSON.parse(document), id, version, name, state, expiresAt: expires_at };
}
