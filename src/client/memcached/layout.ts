// Where the chunks of a file are: slots (its chunks, then its parity chunks), their keys, and the groups they form.

import { type Keys, keysBy } from "./keys.ts";
import type { Manifest, StoredFile } from "./manifest.ts";
import { chunkKey, copyName, partKey } from "./names.ts";
import type { Servers } from "./servers.ts";

type Shape = Pick<StoredFile, "chunks" | "parity" | "group">;

/** The keys of all slots, in their order. */
export function slotKeys(
  prefix: string,
  { version, chunks, salts, checksums }: Pick<Manifest, "version" | "chunks" | "salts" | "checksums">,
): Keys {
  // Put together once: they are made anew each time that they are asked for.
  const head = chunkKey(prefix, version, "");
  return keysBy(checksums.length, (slot) => {
    const name = slot < chunks ? `${slot}` : parityName(slot - chunks);
    return salted(head + name, salts?.[slot] ?? "");
  });
}

/** The keys of the parts of its table, with their copies. */
export function partKeys(servers: Servers, prefix: string, manifest: Manifest): string[] {
  return Array.from({ length: manifest.parts }, (_, part) =>
    partWithCopies(servers, prefix, manifest, part),
  ).flat();
}

/** The key of a part, and those of its copies on other servers: as many as the file has parity chunks in a group. */
export function partWithCopies(
  servers: Servers,
  prefix: string,
  { version, parity }: StoredFile,
  part: number,
): string[] {
  const key = partKey(prefix, version, part);
  return [key, ...copyKeys(servers, key, key, parity)];
}

/** The bytes of a slot. */
export function slotLength(file: StoredFile, slot: number): number {
  const { chunks, chunkSize, storedSize, parity, group } = file;
  // A parity chunk is as long as the longest chunk of its group, which is the first.
  const index = slot < chunks ? slot : Math.floor((slot - chunks) / parity) * group;
  return Math.min(chunkSize, storedSize - index * chunkSize);
}

export interface Group {
  /** Slots. */
  readonly data: readonly number[];
  readonly parity: readonly number[];
}

/** The group that a chunk belongs to. */
export function groupOf({ group }: Shape, chunk: number): number {
  return Math.floor(chunk / group);
}

export function groupAt({ chunks, parity, group }: Shape, index: number): Group {
  const first = index * group;
  const pieces = Math.min(group, chunks - first);
  return {
    data: Array.from({ length: pieces }, (_, i) => first + i),
    parity: Array.from({ length: parity }, (_, i) => chunks + index * parity + i),
  };
}

/** Of those lost slots, the chunks of the file that nothing can bring back. */
export function lostForGood(file: Shape, lost: readonly number[]): number[] {
  const { chunks, parity, group } = file;
  if (parity === 0) return lost.filter((slot) => slot < chunks);
  const losses = new Map<number, number>();
  const at = (slot: number) => Math.floor(slot < chunks ? slot / group : (slot - chunks) / parity);
  for (const slot of lost) losses.set(at(slot), (losses.get(at(slot)) ?? 0) + 1);
  return lost.filter((slot) => slot < chunks && (losses.get(at(slot)) ?? 0) > parity);
}

/**
 * How many chunks make up a group: with P parity chunks over N servers no server holds more than P of a group, so that any one of them
 * may die. More than 16 would not fit in memory when they are rebuilt.
 */
export function groupSize(parity: number, servers: number): number {
  if (parity === 0) return 0;
  return servers === 1 ? GROUP_MOST : Math.min(GROUP_MOST, parity * (servers - 1));
}

const GROUP_MOST = 16;

/** Gives the slots of a new file their keys: a group goes round the servers. Without parity keys fall where ketama has them. */
export class Placement {
  readonly #servers: Servers;
  readonly #prefix: string;
  readonly #version: string;
  readonly #group: number;
  readonly #first: number;

  constructor(servers: Servers, prefix: string, version: string, group: number) {
    this.#servers = servers;
    this.#prefix = prefix;
    this.#version = version;
    this.#group = group;
    this.#first = servers.indexOf(chunkKey(prefix, version, "0"));
  }

  chunk(index: number): { readonly key: string; readonly salt: string } {
    const group = this.#group === 0 ? 0 : Math.floor(index / this.#group);
    return this.#place(`${index}`, group + (index % Math.max(1, this.#group)));
  }

  /** `pieces`: how many chunks the group has; `index` counts the parity chunks of the file. */
  parity(
    index: number,
    group: number,
    pieces: number,
    row: number,
  ): { readonly key: string; readonly salt: string } {
    return this.#place(parityName(index), group + pieces + row);
  }

  #place(name: string, turn: number): { readonly key: string; readonly salt: string } {
    const base = chunkKey(this.#prefix, this.#version, name);
    const count = this.#servers.all.length;
    if (this.#group === 0 || count === 1) return { key: base, salt: "" };
    const wanted = (this.#first + turn) % count;
    return search(
      (salt) => salted(base, salt),
      (key) => this.#servers.indexOf(key) === wanted,
    );
  }
}

/** Keys for copies of an item, each on a server of its own, none on that of `key`; fewer if there are not so many servers. */
export function copyKeys(servers: Servers, key: string, base: string, count: number): string[] {
  const taken = new Set([servers.indexOf(key)]);
  const keys: string[] = [];
  while (keys.length < count && taken.size < servers.all.length) {
    const copy = search(
      (salt) => copyName(base, keys.length, salt),
      (candidate) => !taken.has(servers.indexOf(candidate)),
    );
    taken.add(servers.indexOf(copy.key));
    keys.push(copy.key);
  }
  return keys;
}

/** On a ring every server has some of all keys, so a few tries for each server are enough. */
function search(make: (salt: string) => string, fits: (key: string) => boolean) {
  for (let attempt = 0; ; attempt++) {
    const salt = attempt === 0 ? "" : attempt.toString(36);
    const key = make(salt);
    if (fits(key)) return { key, salt };
  }
}

function parityName(index: number): string {
  return `p${index}`;
}

function salted(key: string, salt: string): string {
  return salt === "" ? key : `${key}.${salt}`;
}
