// What `cairn check`, `backup` and `restore` do to the database of items.

import { resolve } from "node:path";
import { backupKv, restoreKv } from "../adapters/sqlite/kv/backup.ts";
import { checkKv, type KvReport } from "../adapters/sqlite/kv/check.ts";

export type { KvReport };

const DEFAULT_DATABASE = "cairn.sqlite";

export function check(database = DEFAULT_DATABASE): KvReport {
  return checkKv(resolve(database));
}

export function backup(file: string, database = DEFAULT_DATABASE): KvReport {
  return backupKv(resolve(database), resolve(file));
}

export function restore(file: string, database = DEFAULT_DATABASE, verify = false): KvReport | undefined {
  return restoreKv(resolve(file), resolve(database), verify);
}
