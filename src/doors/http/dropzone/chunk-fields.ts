// What a Dropzone form says about its chunk, and where the chunk's bytes truly belong. Pure.

import { z } from "zod";
import { fileName } from "../../../domain/files/names.ts";
import { Fault } from "../../../wire/faults.ts";
import { parseWith } from "../body.ts";

/** The fields of one chunk of a larger file. */
export interface ChunkFields {
  /** Chosen by the caller; only ever a key. */
  readonly dzuuid: string;
  /** As claimed; may be too low, or negative. */
  readonly offset: number;
  /** The configured size; undefined if the client does not say. */
  readonly chunkSize: number | undefined;
  /** Of the whole file. */
  readonly total: number;
}

const Whole = z
  .string()
  .regex(/^\d{1,16}$/, "must be a whole number")
  .transform(Number)
  .pipe(z.number().max(Number.MAX_SAFE_INTEGER));

const Fields = z.object({
  dzuuid: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, "must be 1 to 128 printable ASCII characters without spaces"),
  dzchunkbyteoffset: z
    .string()
    .regex(/^-?\d{1,16}$/, "must be a whole number")
    .transform(Number),
  dztotalfilesize: Whole,
  dzchunksize: Whole.pipe(z.number().min(1)).optional(),
});

/** The chunk that `fields` describe; undefined for a file sent plain, with no dz field at all. */
export function readChunkFields(fields: ReadonlyMap<string, string>): ChunkFields | undefined {
  if (!Object.keys(Fields.shape).some((name) => fields.has(name))) return undefined;
  const read = parseWith(Fields, Object.fromEntries(fields), "the form");
  return {
    dzuuid: read.dzuuid,
    offset: read.dzchunkbyteoffset,
    chunkSize: read.dzchunksize,
    total: read.dztotalfilesize,
  };
}

/** True when all that `readChunkFields` needs has come. */
export function hasChunkFields(fields: ReadonlyMap<string, string>): boolean {
  return Object.keys(Fields.shape).every((name) => fields.has(name));
}

/**
 * Where a chunk lies before its bytes are counted, or undefined where the count decides: a client that computes
 * the offset after reading claims `total - dzchunksize` for its short last chunk.
 */
export function placeEarly({
  offset,
  chunkSize,
  total,
}: ChunkFields): { offset: number; size: number } | undefined {
  if (chunkSize === undefined || offset < 0) return undefined;
  if (offset + chunkSize < total) return { offset, size: chunkSize };
  if (offset + chunkSize > total && offset <= total) return { offset, size: total - offset };
  return undefined;
}

/** The true offset of a chunk of `size` bytes. Fault `invalid` when the fields contradict it. */
export function placeCounted(fields: ChunkFields, size: number): number {
  const { offset, chunkSize, total } = fields;
  if (offset >= 0 && offset + size === total) return offset;
  if (chunkSize !== undefined && size < chunkSize && offset + chunkSize === total && size <= total)
    return total - size;
  if (offset >= 0 && offset + size < total && (chunkSize === undefined || chunkSize === size)) return offset;
  throw new Fault(
    "invalid",
    `a chunk of ${size} bytes at dzchunkbyteoffset ${offset} contradicts dztotalfilesize ${total} and dzchunksize ${chunkSize}`,
  );
}

/** The file's name: `dzfilename` where the client gives it, else the part's own. Fault `invalid` unless it ends in .csv. */
export function csvName(fields: ReadonlyMap<string, string>, partName: string): string {
  const name = fileName(fields.get("dzfilename") ?? partName);
  if (/\.csv$/i.test(name)) return name;
  throw new Fault("invalid", `${JSON.stringify(name.slice(0, 80))} is not the name of a .csv file`);
}
