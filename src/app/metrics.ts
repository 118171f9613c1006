// Figures for Prometheus, read from the service when they are scraped; prom-client is loaded by the first scrape.

import type { Registry } from "prom-client";
import type { KindEntry } from "../wire/api.ts";

/** What is read at each scrape. */
export interface Figures {
  /** Seconds. */
  readonly uptime: number;
  readonly items: number;
  readonly itemBytes: number;
  readonly kinds: readonly KindEntry[];
  readonly workers: number;
  readonly diskFree: number;
  readonly residentMemory: number;
  /** The memcached door's own counters (`cmd_get`, `get_hits`, …). */
  readonly memcached: Readonly<Record<string, number>>;
}

interface Board {
  readonly registry: Registry;
  show(figures: Figures): void;
}

export class Metrics {
  readonly #read: () => Promise<Figures>;
  #board: Promise<Board> | undefined;

  constructor(read: () => Promise<Figures>) {
    this.#read = read;
  }

  async render(): Promise<{ readonly text: string; readonly contentType: string }> {
    this.#board ??= openBoard();
    const { registry, show } = await this.#board;
    show(await this.#read());
    return { text: await registry.metrics(), contentType: registry.contentType };
  }
}

async function openBoard(): Promise<Board> {
  const { Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name: `cairn_${name}`, help, labelNames, registers: [registry] });
  const uptime = gauge("uptime_seconds", "Seconds since the server started");
  const items = gauge("items", "Items under the memcached protocol");
  const itemBytes = gauge("item_bytes", "Bytes of keys and values of all items");
  const workers = gauge("workers", "Worker processes that are alive, whoever started them");
  const diskFree = gauge("disk_free_bytes", "Bytes free on the disk of the data folder");
  const memory = gauge("resident_memory_bytes", "Resident memory of the server process");
  const jobs = gauge("jobs", "Jobs by kind and state", ["kind", "state"]);
  const paused = gauge("jobs_paused", "1 while no job of the kind is begun", ["kind"]);
  const memcached = gauge("memcached", "The memcached door's figures, by the name in stats", ["name"]);
  return {
    registry,
    show(figures) {
      uptime.set(figures.uptime);
      items.set(figures.items);
      itemBytes.set(figures.itemBytes);
      workers.set(figures.workers);
      diskFree.set(figures.diskFree);
      memory.set(figures.residentMemory);
      for (const { kind, jobs: counts, paused: isPaused } of figures.kinds) {
        paused.set({ kind }, isPaused ? 1 : 0);
        for (const [state, count] of Object.entries(counts)) jobs.set({ kind, state }, count);
      }
      for (const [name, value] of Object.entries(figures.memcached)) memcached.set({ name }, value);
    },
  };
}
