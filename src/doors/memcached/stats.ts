// The answers to `stats` and its topics, line by line.

import type { Kv, KvStats } from "../../ports/kv.ts";
import type { Figures } from "./figures.ts";

export interface StatsSource {
  readonly figures: Figures;
  /** As `VERSION` tells it. */
  readonly version: string;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly now: number;
  readonly hostname: string;
  /** 0: only the Unix socket is open. */
  readonly port: number;
  readonly socketPath: string | undefined;
  readonly maxItem: number;
  readonly maxConnections: number;
  /** ms; 0: none. */
  readonly idleTimeout: number;
  readonly asksPassword: boolean;
  readonly encrypted: boolean;
  connections(): readonly ConnectionStats[];
}

/** One open connection. */
export interface ConnectionStats {
  readonly id: number;
  readonly peer: string;
  readonly where: string;
  readonly state: string;
  /** ms since 1970. */
  readonly lastActive: number;
}

const NOTHING_STORED: KvStats = { items: 0, bytes: 0, totalItems: 0 };

type Row = readonly [name: string, value: string | number];

/** What is told of the items; most topics tell nothing of them, and do not wait for the store. */
export function storedFor(topic: string, kv: Pick<Kv, "stats">): Promise<KvStats> {
  return topic === "" || topic === "items" ? kv.stats() : Promise.resolve(NOTHING_STORED);
}

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
    case "conns":
      return statLines(connections(source));
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
    ["max_connections", source.maxConnections],
    // Nothing is thrown out to make room: the disk is the limit.
    ["limit_maxbytes", 0],
    ...source.figures.rows(stored),
  ];
}

function settings(source: StatsSource): readonly Row[] {
  return [
    ["maxbytes", 0],
    ["maxconns", source.maxConnections],
    ["tcpport", source.port],
    ["udpport", 0],
    ["inter", source.hostname],
    ["verbosity", 0],
    ["evictions", "off"],
    ["domain_socket", source.socketPath ?? "NULL"],
    ["cas_enabled", "yes"],
    ["detail_enabled", "no"],
    ["binding_protocol", "ascii"],
    ["auth_enabled_sasl", "no"],
    ["auth_enabled_ascii", source.asksPassword ? "yes" : "no"],
    ["item_size_max", source.maxItem],
    ["maxconns_fast", "yes"],
    ["flush_enabled", "yes"],
    ["dump_enabled", "yes"],
    ["lru_crawler", "no"],
    ["track_sizes", "no"],
    ["idle_timeout", Math.ceil(source.idleTimeout / 1_000)],
    ["ssl_enabled", source.encrypted ? "yes" : "no"],
    ["num_threads", 1],
  ];
}

/** In memcached the number is that of the file descriptor. */
function connections({ now, connections: all }: StatsSource): readonly Row[] {
  return all().flatMap(({ id, peer, where, state, lastActive }): Row[] => [
    [`${id}:addr`, peer],
    [`${id}:listen_addr`, where],
    [`${id}:state`, state],
    [`${id}:secs_since_last_cmd`, Math.max(0, Math.floor((now - lastActive) / 1_000))],
  ]);
}

function statLines(rows: readonly Row[]): readonly string[] {
  return [...rows.map(([name, value]) => `STAT ${name} ${value}`), "END"];
}
