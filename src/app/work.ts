// `cairn worker`: a worker process on the same data folder as a server.

import { join } from "node:path";
import { systemClock } from "./clock.ts";
import { openLog } from "./log.ts";
import { resolveSettings, type SettingValues } from "./settings.ts";
import { openStore } from "./store.ts";
import { runWorker } from "./worker.ts";

/** Works on jobs until the signal is aborted, or the server that started it is gone. */
export async function workUntil(
  signal: AbortSignal,
  values: SettingValues,
  database: string | undefined,
): Promise<void> {
  const settings = resolveSettings(values, database);
  const log = openLog(settings.logLevel, "worker");
  await using store = await openStore(settings, { clock: systemClock, log, takesUploads: false });
  const { queue, roster, files, bucket } = store;
  const { jobMemory, resultExpiry, mergeThreads } = settings;
  const scratch = join(settings.data, "scratch");
  const limits = { jobMemory, resultExpiry, mergeThreads };
  const shop = { queue, roster, files, bucket, clock: systemClock, log, scratch, ...limits };
  // A worker that `serve` spawned has a channel to it; one started by hand has not.
  await runWorker(shop, { signal, supervised: process.send !== undefined });
}
