// `cairn serve`: opens the store, the services and the doors, and takes them down in the reverse order.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import pack from "../../package.json";
import { SqliteKv } from "../adapters/sqlite/kv/kv.ts";
import { createRules } from "../domain/kv/rules.ts";
import { startSweeper } from "../domain/kv/sweeper.ts";
import { Access } from "./access.ts";
import { bannerOf } from "./banner.ts";
import { systemClock } from "./clock.ts";
import { openDoors } from "./doors.ts";
import { refuseExposure } from "./exposure.ts";
import { openLog } from "./log.ts";
import { openServices } from "./services.ts";
import { resolveSettings, type Settings, type SettingValues } from "./settings.ts";
import { openStore } from "./store.ts";
import { startUpkeep } from "./upkeep.ts";
import { openWebhooks } from "./webhooks.ts";

/** Serves until the signal is aborted, then finishes what was received and closes everything. */
export async function serveUntil(
  signal: AbortSignal,
  values: SettingValues,
  database: string | undefined,
  print: (text: string) => void,
): Promise<void> {
  const { version } = pack;
  const settings = resolveSettings(values, database);
  refuseExposure(settings);
  const clock = systemClock;
  const log = openLog(settings.logLevel, "serve");
  await using opened = new AsyncDisposableStack();
  // The lock on the items is what refuses a second server, so they come first.
  const kv = opened.use(openKv(settings));
  if (settings.expire) opened.use(startSweeper({ kv, clock, log }));
  const store = opened.use(await openStore(settings, { clock, log, takesUploads: true }));
  const services = opened.use(await openServices(settings, store, clock, log));
  const { webhooks } = opened.use(openWebhooks(settings, store, clock, log));
  const { resultExpiry, keepJobs } = settings;
  opened.use(startUpkeep({ ...services, clock, log, webhooks, resultExpiry, keepJobs }));
  const access = opened.use(new Access(settings, log));
  const doors = opened.use(await openDoors({ settings, access, version, kv, services, clock, log }));
  const { memcached, http, image, merge } = doors;
  print(bannerOf(version, settings, doors));
  log.info("serve.started", {
    version,
    ...shownSettings(settings),
    doors: { memcached, http, image, merge },
  });
  await aborted(signal);
  log.info("serve.stopping");
}

/** Fit for a log: a secret is there or not, and a URL may hold one behind its host. */
function shownSettings({ webhookSecret, uploadWebhook, ...shown }: Settings): Record<string, unknown> {
  return {
    ...shown,
    webhookSecret: webhookSecret === undefined ? "none" : "set",
    uploadWebhook: uploadWebhook === undefined ? "none" : new URL(uploadWebhook).origin,
  };
}

function openKv({ database, sync, maxItem, expire, cache }: Settings): SqliteKv {
  mkdirSync(dirname(database), { recursive: true });
  const rules = createRules({ maxItem, expire });
  return SqliteKv.open({ path: database, sync, rules, clock: systemClock, cacheBytes: cache });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
