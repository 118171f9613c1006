// The answers to `stats` and its topics, line by line.

import type { KvStats } from "../../ports/kv.ts";
import type { Figures } from "./figures.ts";

export interface StatsSource {
  readonly figures: Figures;
  /** As `VERSION` tells it. */
  readonly version: string;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly now: number;
  readonly hostname: string;
  readonly port: number;
  readonly maxItem: number;
}

type Row = readonly [name: string, value: string | number];

/** The lines of the answer, without line ends. `topic`: the word after `stats`, or "". */
export function statsLines(topic: string, source: StatsSource, stored: KvStats): readonly string[] {
  switch (topic) {
    case "":
      return statLines(general(source, stored));
    case "settings":
      return statLines(settings(source));
    case "items":
      // There are no slab classes; all items are told as those of the first, where tools look for them.
      return statLines(
        stored.items === 0
          ? []
          : [
              ["items:1:number", stored.items],
              ["items:1:mem_requested", stored.bytes],
              ["items:1:evicted", 0],
              ["items:1:outofmemory", 0],
            ],
      );
    case "slabs":
      return statLines([
        ["active_slabs", 0],
        ["total_malloced", 0],
      ]);
    case "sizes":
    case "sizes_disable":
      return statLines([["sizes_status", "disabled"]]);
    case "sizes_enable":
      return statLines([
        ["sizes_status", "error"],
        ["sizes_error", "a histogram of sizes is not kept here"],
      ]);
    case "reset":
      source.figures.reset();
      return ["RESET"];
    default:
      return ["ERROR"];
  }
}

function general(source: StatsSource, stored: KvStats): readonly Row[] {
  const { user, system } = process.cpuUsage();
  return [
    ["pid", process.pid],
    ["uptime", Math.max(0, Math.floor((source.now - source.startedAt) / 1_000))],
    ["time", Math.floor(source.now / 1_000)],
    ["version", source.version],
    ["pointer_size", 64],
    ["rusage_user", (user / 1e6).toFixed(6)],
    ["rusage_system", (system / 1e6).toFixed(6)],
    ["threads", 1],
    ["accepting_conns", 1],
    // Nothing is thrown out to make room: the disk is the limit.
    ["limit_maxbytes", 0],
    ...source.figures.rows(stored),
  ];
}

function settings({ hostname, port, maxItem }: StatsSource): readonly Row[] {
  return [
    ["maxbytes", 0],
    ["tcpport", port],
    ["udpport", 0],
    ["inter", hostname],
    ["verbosity", 0],
    ["evictions", "off"],
    ["domain_socket", "NULL"],
    ["cas_enabled", "yes"],
    ["binding_protocol", "ascii"],
    ["auth_enabled_ascii", "no"],
    ["item_size_max", maxItem],
    ["flush_enabled", "yes"],
    ["dump_enabled", "no"],
    ["num_threads", 1],
  ];
}

function statLines(rows: readonly Row[]): readonly string[] {
  return [...rows.map(([name, value]) => `STAT ${name} ${value}`), "END"];
}
