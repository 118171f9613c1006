// What the service is doing right now: for /api/status, /healthz and /metrics.

import { statfs } from "node:fs/promises";
import { kindEntry } from "../doors/http/jobs/kinds.ts";
import type { MemcachedDoor } from "../doors/memcached/door.ts";
import type { Clock } from "../ports/clock.ts";
import type { Kv } from "../ports/kv.ts";
import type { Status, WorkerEntry } from "../wire/api.ts";
import type { DoorAddress } from "./door-list.ts";
import { type Figures, Metrics } from "./metrics.ts";
import type { Services } from "./services.ts";
import type { Settings } from "./settings.ts";

export interface OverviewOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly kv: Kv;
  readonly services: Services;
  readonly clock: Clock;
  /** undefined: that door is closed. */
  readonly memcached: MemcachedDoor | undefined;
}

export class Overview {
  /** Filled in once every door is open. */
  doors: readonly DoorAddress[] = [];
  readonly #options: OverviewOptions;
  readonly #startedAt: number;
  readonly #metrics = new Metrics(() => this.#figures());

  constructor(options: OverviewOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  async status(): Promise<Status> {
    const { settings, version, kv, services, clock } = this.#options;
    const [stored, jobs, kinds, workers, disk] = await Promise.all([
      kv.stats(),
      services.jobs.counts(),
      services.jobs.kinds(),
      services.crew.state(),
      statfs(settings.data),
    ]);
    return {
      version,
      uptime: clock.now() - this.#startedAt,
      sync: settings.sync,
      keys: stored.items,
      doors: [...this.doors],
      jobs,
      kinds: kinds.map(kindEntry),
      workers: workers.alive,
      ...(workers.failing !== undefined && { workersFailing: workers.failing }),
      disk: { free: disk.bavail * disk.bsize, total: disk.blocks * disk.bsize },
    };
  }

  workers(): Promise<readonly WorkerEntry[]> {
    return this.#options.services.crew.list();
  }

  metrics(): Promise<{ readonly text: string; readonly contentType: string }> {
    return this.#metrics.render();
  }

  async #figures(): Promise<Figures> {
    const { kv, memcached } = this.#options;
    const [status, stored] = await Promise.all([this.status(), kv.stats()]);
    return {
      uptime: status.uptime / 1000,
      items: stored.items,
      itemBytes: stored.bytes,
      kinds: status.kinds ?? [],
      workers: status.workers,
      diskFree: status.disk.free,
      residentMemory: process.memoryUsage.rss(),
      memcached: Object.fromEntries(memcached?.figures.rows(stored) ?? []),
    };
  }
}
