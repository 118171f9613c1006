// Ketama: which server of a pool holds a key, as libmemcached decides it, so that its clients agree with this one.
// Points of every server lie on a ring of 32-bit numbers; a key belongs to the first point at or after its hash.

import { createHash } from "node:crypto";
import type { Address } from "./connection.ts";

/**
 * `ketama`: libmemcached's MEMCACHED_BEHAVIOR_KETAMA (pylibmc `{"ketama": True}`). `ketama-weighted`: its MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED
 * with equal weights, the MD5 ring that most other libraries call ketama.
 */
export type Distribution = "ketama" | "ketama-weighted";

export const DISTRIBUTIONS: readonly Distribution[] = ["ketama", "ketama-weighted"];

/** libmemcached leaves this port out of the names of a server's points. */
const PORT_UNNAMED = 11_211;
/** Of `ketama`: as many, whatever the pool. */
const POINTS = 100;
/** Of `ketama-weighted`, on the average of the servers; one MD5 makes 4. */
const POINTS_WEIGHTED = 160;
const POINTS_PER_DIGEST = 4;

/** The index of the server that holds a key (printable ASCII), among those addresses in that order. */
export function ketama(addresses: readonly Address[], distribution: Distribution): (key: string) => number {
  if (addresses.length === 1) return () => 0;
  const weighted = distribution === "ketama-weighted";
  const points = addresses.flatMap((address, index) =>
    (weighted ? digestPoints(address, addresses.length) : hashPoints(address)).map((value) => ({
      value,
      index,
    })),
  );
  points.sort((a, b) => a.value - b.value);
  const values = Uint32Array.from(points, ({ value }) => value);
  const owners = points.map(({ index }) => index);
  const hash = weighted ? (key: string) => digestWord(md5(key), 0) : oneAtATime;
  return (key) => owners[firstAtOrAfter(values, hash(key))] ?? owners[0] ?? 0;
}

function hashPoints(address: Address): number[] {
  return Array.from({ length: POINTS }, (_, i) => oneAtATime(pointName(address, i)));
}

function digestPoints(address: Address, servers: number): number[] {
  return Array.from({ length: digestsPerServer(servers) }, (_, i) => md5(pointName(address, i))).flatMap(
    (digest) => Array.from({ length: POINTS_PER_DIGEST }, (_, word) => digestWord(digest, word)),
  );
}

/** Computed as libmemcached does, in single precision: in some pools a server has one digest less than 40. */
function digestsPerServer(servers: number): number {
  const { fround } = Math;
  const share = fround(1 / servers);
  const digests = fround(fround(fround(share * POINTS_WEIGHTED) / POINTS_PER_DIGEST) * servers);
  return Math.floor(fround(digests + 0.0000000001));
}

function pointName({ host, port }: Address, index: number): string {
  return port === PORT_UNNAMED ? `${host}-${index}` : `${host}:${port}-${index}`;
}

/** Jenkins' one-at-a-time hash: libmemcached's default. */
function oneAtATime(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) {
    hash = (hash + text.charCodeAt(i)) | 0;
    hash = (hash + (hash << 10)) | 0;
    hash ^= hash >>> 6;
  }
  hash = (hash + (hash << 3)) | 0;
  hash ^= hash >>> 11;
  return (hash + (hash << 15)) >>> 0;
}

function md5(text: string): Buffer {
  return createHash("md5").update(text, "latin1").digest();
}

function digestWord(digest: Buffer, word: number): number {
  return digest.readUInt32LE(word * 4);
}

/** `values.length` when there is none. */
function firstAtOrAfter(values: Uint32Array, hash: number): number {
  let left = 0;
  let right = values.length;
  while (left < right) {
    const middle = (left + right) >>> 1;
    if ((values[middle] ?? 0) < hash) left = middle + 1;
    else right = middle;
  }
  return left;
}
