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
  /** How its bytes stand in the chunks: as they are (null), or compressed as one zstd stream. */
  readonly encoding: "zstd" | null;
  /** Bytes in all chunks together, without parity: `size`, or less where they are compressed. */
  readonly storedSize: number;
  /** Bytes of every chunk but the last, which may be shorter. */
  readonly chunkSize: number;
  /** How many chunks: ceil(storedSize / chunkSize), so 0 for an empty file. */
  readonly chunks: number;
  /** How many parity chunks every group has: so many chunks of a group may be lost. 0: none. */
  readonly parity: number;
  /** How many chunks make up a group (the last one may have fewer); 0 without parity. */
  readonly group: number;
  /** When the store began; milliseconds since 1970-01-01T00:00:00Z by the storing machine's clock. */
  readonly storedAt: number;
  /** When the server forgets it, in the same way; null: never. */
  readonly expiresAt: number | null;
}

/** What a reader needs of every chunk: those of the file first, then the parity chunks, group by group. */
export interface ChunkTable {
  /** CRC-32 of each. */
  readonly checksums: readonly number[];
  /** What was appended to each key to bring it to its server ("" mostly); null: nothing, nowhere. */
  readonly salts: readonly string[] | null;
}

export interface Manifest extends StoredFile, ChunkTable {
  /** In how many items of its own the table stands; 0: in the manifest's own. */
  readonly parts: number;
}

/** The item under the file's name: with the table, or telling in how many parts that stands. */
export interface ManifestHead {
  readonly file: StoredFile;
  readonly table: ChunkTable | { readonly parts: number };
}

const FORMAT = 1;

/** One line of JSON, one of its own CRC-32. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { parts } = manifest;
  const table = parts === 0 ? tableFields(manifest) : { parts };
  return sealed(JSON.stringify({ cairn: FORMAT, ...storedFile(manifest), ...table }));
}

/** The table where it does not fit into the manifest, to be cut into parts. */
export function encodeTable(table: ChunkTable): Uint8Array {
  return sealed(JSON.stringify(tableFields(table)));
}

/** No manifest for this name with so many chunks (parity included) and such salts is larger. */
export function manifestBytesMax(name: string, slots: number, salts: number): number {
  return 700 + Buffer.byteLength(JSON.stringify(name)) + 8 * slots + salts;
}

/** Throws Corrupt for what is not a manifest, and for the manifest of another name (pass undefined for any). */
export function decodeManifest(bytes: Uint8Array, name: string | undefined): ManifestHead {
  const shown = name ?? "(unknown name)";
  const value = unsealed(bytes);
  if (!value) throw new Corrupt(shown, "its manifest is damaged, or was not written by this library");
  const head = readHead(value, shown);
  if (name !== undefined && head.file.name !== name) {
    throw new Corrupt(shown, `its manifest is that of ${JSON.stringify(head.file.name.slice(0, 100))}`);
  }
  return head;
}

/** Throws Corrupt for what is not the table of that file. */
export function decodeTable(bytes: Uint8Array, file: StoredFile): ChunkTable {
  const value = unsealed(bytes);
  if (!value) throw new Corrupt(file.name, "the parts of its manifest are damaged");
  return readTable(value, file);
}

export function storedFile(file: StoredFile): StoredFile {
  const { name, size, sha256, version, encoding, storedSize, chunkSize, chunks } = file;
  const { parity, group, storedAt, expiresAt } = file;
  return {
    name,
    size,
    sha256,
    version,
    encoding,
    storedSize,
    chunkSize,
    chunks,
    parity,
    group,
    storedAt,
    expiresAt,
  };
}

/** Of all groups. */
function parityChunks({ chunks, parity, group }: StoredFile): number {
  return parity === 0 ? 0 : Math.ceil(chunks / group) * parity;
}

function tableFields({ checksums, salts }: ChunkTable): object {
  return { crc32: checksums.map(hex).join(""), ...(salts === null ? {} : { salts: salts.join(",") }) };
}

function sealed(json: string): Uint8Array {
  const body = Buffer.from(`${json}\n`);
  return Buffer.concat([body, Buffer.from(hex(crc32(body)))]);
}

/** undefined: its checksum is wrong, or it is no JSON. */
function unsealed(bytes: Uint8Array): Record<string, unknown> | undefined {
  const body = bytes.subarray(0, -8);
  const sum = Buffer.from(bytes.subarray(-8)).toString("latin1");
  if (hex(crc32(body)) !== sum) return undefined;
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readHead(value: Record<string, unknown>, shown: string): ManifestHead {
  const { cairn, name, size, sha256, version, encoding, storedSize } = value;
  const { chunkSize, chunks, parity, group, storedAt, expiresAt, parts } = value;
  if (cairn !== FORMAT) {
    throw new Corrupt(shown, `its manifest has format ${String(cairn)}; this library reads format ${FORMAT}`);
  }
  const sound =
    typeof name === "string" &&
    isCount(size) &&
    typeof sha256 === "string" &&
    typeof version === "string" &&
    /^[0-9a-f]{32}$/.test(version) &&
    (encoding === null || encoding === "zstd") &&
    isCount(storedSize) &&
    (encoding !== null || storedSize === size) &&
    isCount(chunkSize) &&
    chunkSize > 0 &&
    chunks === Math.ceil(storedSize / chunkSize) &&
    isCount(parity) &&
    isCount(group) &&
    parity > 0 === group > 0 &&
    isCount(storedAt) &&
    (expiresAt === null || isCount(expiresAt)) &&
    (parts === undefined || isCount(parts));
  if (!sound) throw new Corrupt(shown, "its manifest contradicts itself");
  const file: StoredFile = {
    name,
    size,
    sha256,
    version,
    encoding,
    storedSize,
    chunkSize,
    chunks,
    parity,
    group,
    storedAt,
    expiresAt,
  };
  return { file, table: parts === undefined ? readTable(value, file) : { parts } };
}

function readTable({ crc32: sums, salts }: Record<string, unknown>, file: StoredFile): ChunkTable {
  const slots = file.chunks + parityChunks(file);
  const list = typeof salts === "string" ? salts.split(",") : null;
  const sound =
    typeof sums === "string" &&
    sums.length === 8 * slots &&
    (salts === undefined || (list?.length === slots && list.every((salt) => /^[0-9a-z]{0,8}$/.test(salt))));
  if (!sound) throw new Corrupt(file.name, "its manifest contradicts itself");
  const checksums = Array.from({ length: slots }, (_, i) =>
    Number.parseInt(sums.slice(8 * i, 8 * i + 8), 16),
  );
  return { checksums, salts: list };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}
