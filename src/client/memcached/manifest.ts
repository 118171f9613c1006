// The manifest: the one item that makes a file visible. It names the version, the size, and every checksum.

import { crc32 } from "./crc32.ts";
import { Corrupt } from "./errors.ts";

/** A file as its manifest tells it. */
export interface StoredFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Of all bytes, in hexadecimal digits. */
  readonly sha256: string;
  /** 32 hexadecimal digits, random; a file stored again under the same name has another one. */
  readonly version: string;
  /** Bytes of every chunk but the last, which may be shorter. */
  readonly chunkSize: number;
  /** How many chunks: ceil(size / chunkSize), so 0 for an empty file. */
  readonly chunks: number;
  /** When the store began; milliseconds since 1970-01-01T00:00:00Z by the storing machine's clock. */
  readonly storedAt: number;
  /** When the server forgets it, in the same way; null: never. */
  readonly expiresAt: number | null;
}

export interface Manifest extends StoredFile {
  /** CRC-32 of every chunk. */
  readonly checksums: readonly number[];
}

const FORMAT = 1;

/** One line of JSON, one of its own CRC-32. */
export function encodeManifest({ checksums, ...file }: Manifest): Uint8Array {
  const json = JSON.stringify({ cairn: FORMAT, ...file, crc32: checksums.map(hex).join("") });
  const body = Buffer.from(`${json}\n`);
  return Buffer.concat([body, Buffer.from(hex(crc32(body)))]);
}

/** No manifest for this name with so many chunks is larger. */
export function manifestBytesMax(name: string, chunks: number): number {
  return 500 + Buffer.byteLength(JSON.stringify(name)) + 8 * chunks;
}

/** Throws Corrupt for what is not a manifest, and for the manifest of another name (pass undefined for any). */
export function decodeManifest(bytes: Uint8Array, name: string | undefined): Manifest {
  const shown = name ?? "(unknown name)";
  const body = bytes.subarray(0, -8);
  const sum = Buffer.from(bytes.subarray(-8)).toString("latin1");
  if (hex(crc32(body)) !== sum)
    throw new Corrupt(shown, "its manifest is damaged, or was not written by this library");
  const manifest = read(JSON.parse(Buffer.from(body).toString()), shown);
  if (name !== undefined && manifest.name !== name) {
    throw new Corrupt(shown, `its manifest is that of ${JSON.stringify(manifest.name.slice(0, 100))}`);
  }
  return manifest;
}

export function storedFile({ checksums: _, ...file }: Manifest): StoredFile {
  return file;
}

/** The bytes of chunk `index`. */
export function chunkLength(file: StoredFile, index: number): number {
  return Math.min(file.chunkSize, file.size - index * file.chunkSize);
}

function read(value: Record<string, unknown>, shown: string): Manifest {
  const { cairn, name, size, sha256, version, chunkSize, chunks, storedAt, expiresAt, crc32: sums } = value;
  if (cairn !== FORMAT) {
    throw new Corrupt(shown, `its manifest has format ${String(cairn)}; this library reads format ${FORMAT}`);
  }
  const sound =
    typeof name === "string" &&
    isCount(size) &&
    typeof sha256 === "string" &&
    typeof version === "string" &&
    /^[0-9a-f]{32}$/.test(version) &&
    isCount(chunkSize) &&
    chunkSize > 0 &&
    chunks === Math.ceil(size / chunkSize) &&
    isCount(storedAt) &&
    (expiresAt === null || isCount(expiresAt)) &&
    typeof sums === "string" &&
    sums.length === 8 * chunks;
  if (!sound) throw new Corrupt(shown, "its manifest contradicts itself");
  const checksums = Array.from({ length: chunks }, (_, i) =>
    Number.parseInt(sums.slice(8 * i, 8 * i + 8), 16),
  );
  return { name, size, sha256, version, chunkSize, chunks, storedAt, expiresAt, checksums };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}
