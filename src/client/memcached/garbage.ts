// What stores that died have left: chunks of versions that no manifest names. Found by listing all keys, and removed.

import { Fault } from "../../wire/faults.ts";
import { Corrupt } from "./errors.ts";
import { deleteItems, readItems } from "./items.ts";
import { dumpKeys } from "./key-dump.ts";
import { decodeManifest, type StoredFile } from "./manifest.ts";
import { isCopyKey, isManifestKey, versionOf } from "./names.ts";
import type { Settings } from "./settings.ts";

export interface GarbageOptions {
  readonly signal?: AbortSignal;
  /**
   * Milliseconds since the last chunk of a version was written or read, before it counts as garbage; default 3,600,000: a
   * store that is under way has no manifest yet.
   */
  readonly minAge?: number;
  /** Only count; remove nothing. */
  readonly dryRun?: boolean;
}

export interface Garbage {
  /** Stores that left something. */
  readonly versions: number;
  /** Items of theirs (chunks, parity chunks, and copies of manifests that were replaced). */
  readonly items: number;
}

const MIN_AGE = 3_600_000;
const BATCH = 16;
const DELETE_AT_ONCE = 4_096;

/** Every server must answer: what a manifest on a dead one names would look like garbage. */
export async function collectGarbage(settings: Settings, options: GarbageOptions): Promise<Garbage> {
  const { minAge = MIN_AGE, dryRun = false, signal } = options;
  if (!(minAge >= 0)) throw new Fault("invalid", `minAge must be at least 0 ms, not ${minAge}`);
  const { ages, manifests, copies } = await survey(settings, signal);
  const { live, stale } = await liveVersions(settings, manifests, copies, signal);
  const dead = new Set(
    [...ages].filter(([version, age]) => !live.has(version) && age >= minAge).map(([version]) => version),
  );
  const items = dead.size === 0 ? 0 : await sweep(settings, dead, dryRun, signal);
  if (!dryRun) await deleteItems(settings.servers, stale);
  return { versions: dead.size, items: items + stale.length };
}

interface Survey {
  /** Of every version with chunks, ms since its youngest was written or read. */
  readonly ages: Map<string, number>;
  readonly manifests: readonly string[];
  readonly copies: readonly string[];
}

async function survey({ servers, prefix }: Settings, signal: AbortSignal | undefined): Promise<Survey> {
  const ages = new Map<string, number>();
  const manifests: string[] = [];
  const copies: string[] = [];
  for (const server of servers.all) {
    const now = await server.time();
    await dumpKeys(server, signal, ({ key, lastAccess }) => {
      if (isManifestKey(prefix, key)) manifests.push(key);
      if (isCopyKey(prefix, key)) copies.push(key);
      const version = versionOf(prefix, key);
      if (version === undefined) return;
      const age = now === undefined || lastAccess === undefined ? 0 : Math.max(0, now - lastAccess) * 1_000;
      ages.set(version, Math.min(age, ages.get(version) ?? age));
    });
  }
  return { ages, manifests, copies };
}

/** What manifests name; and the copies of manifests that have been replaced since. */
async function liveVersions(
  settings: Settings,
  manifests: readonly string[],
  copies: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ readonly live: ReadonlySet<string>; readonly stale: readonly string[] }> {
  const live = new Set<string>();
  const current = new Map<string, string>();
  const stale: string[] = [];
  for await (const [, file] of filesOf(settings, manifests, signal)) {
    live.add(file.version);
    current.set(file.name, file.version);
  }
  for await (const [key, { name, version }] of filesOf(settings, copies, signal)) {
    if ((current.get(name) ?? version) === version) live.add(version);
    else stale.push(key);
  }
  return { live, stale };
}

async function* filesOf(
  { servers }: Settings,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<[string, StoredFile], void, undefined> {
  for (let start = 0; start < keys.length; start += BATCH) {
    signal?.throwIfAborted();
    for (const [key, data] of await readItems(servers, keys.slice(start, start + BATCH))) {
      yield [key, fileIn(key, data)];
    }
  }
}

function fileIn(key: string, data: Uint8Array): StoredFile {
  try {
    return decodeManifest(data, undefined).file;
  } catch (error) {
    if (!(error instanceof Corrupt)) throw error;
    throw new Fault(
      "corrupt",
      `the item ${key} cannot be read, so nobody can tell which chunks are its own`,
      {
        hint: "If it is a damaged manifest, remove that file ('cairn remove NAME') and repeat. Nothing was removed.",
        cause: error,
      },
    );
  }
}

async function sweep(
  { servers, prefix }: Settings,
  dead: ReadonlySet<string>,
  dryRun: boolean,
  signal: AbortSignal | undefined,
): Promise<number> {
  let items = 0;
  for (const server of servers.all) {
    const keys: string[] = [];
    await dumpKeys(server, signal, ({ key }) => {
      if (dead.has(versionOf(prefix, key) ?? "")) keys.push(key);
    });
    items += keys.length;
    for (let start = 0; !dryRun && start < keys.length; start += DELETE_AT_ONCE) {
      signal?.throwIfAborted();
      await deleteItems(servers, keys.slice(start, start + DELETE_AT_ONCE));
    }
  }
  return items;
}
