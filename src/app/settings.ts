// The settings of a server and of its workers, resolved: what the command line, the environment and defaults come to.

import { resolve } from "node:path";
import { Fault } from "../wire/faults.ts";
import type { LogLevel } from "./log.ts";

/** A port, 0 for any free one, or `off`: that door stays closed. */
export type PortSetting = number | "off";

export interface Settings {
  /** The SQLite file with the items. */
  readonly database: string;
  /** The folder with blobs, staging, records and jobs. */
  readonly data: string;
  /** The folder whose objects merges read. */
  readonly logs: string;
  /** `s3://bucket/prefix` of the results of jobs; undefined: they are kept in the data folder. */
  readonly results: string | undefined;
  readonly host: string;
  readonly memcachedPort: PortSetting;
  readonly httpPort: PortSetting;
  readonly imagePort: PortSetting;
  readonly mergePort: PortSetting;
  readonly sync: "full" | "normal";
  /** Whether items expire at their exptime. */
  readonly expire: boolean;
  /** Bytes: memcached's `-I`. */
  readonly maxItem: number;
  /** A Unix socket of the memcached door. */
  readonly memcachedSocket: string | undefined;
  /** Memcached connections at a time. */
  readonly maxConnections: number;
  /** ms after which a memcached connection on which nothing moves is closed; 0: never. */
  readonly idleTimeout: number;
  /** The file with the memcached door's users; undefined: nobody is asked for a password. */
  readonly authFile: string | undefined;
  /** PEM files for the memcached port. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** Doors without a password may be open to the network. */
  readonly insecure: boolean;
  /** Names that the dashboard and administrative routes without a password may be asked for: in lower case, `.example.com` for all below, `*` for any. */
  readonly allowedHosts: readonly string[];
  /** Bytes of memory for items. */
  readonly cache: number;
  /** Worker processes that `serve` keeps running. */
  readonly workers: number;
  /** Bytes that a job's aggregation may use. */
  readonly jobMemory: number;
  /** Threads of one merge; undefined: as many as there are processors, at most four. */
  readonly mergeThreads: number | undefined;
  /** Bytes of one image chunk's JSON body. */
  readonly maxChunkBody: number;
  /** Bytes of one upload; null: as many as the disk takes. */
  readonly maxUpload: number | null;
  /** Bytes of all files and unfinished uploads together; null: as many as the disk takes. */
  readonly quota: number | null;
  /** Unfinished uploads at one time. */
  readonly maxUploads: number;
  /** ms after which an upload that does not grow is removed. */
  readonly uploadExpiry: number;
  /** ms that a job and its result are kept after its end. */
  readonly resultExpiry: number;
  /** Ended jobs that are kept at most. */
  readonly keepJobs: number;
  /** Signs what webhooks are sent; undefined: unsigned. */
  readonly webhookSecret: string | undefined;
  /** The URL that is told of uploads that finished, failed or expired. */
  readonly uploadWebhook: string | undefined;
  /** Webhooks may lead into the server's own network. */
  readonly webhookPrivate: boolean;
  readonly logLevel: LogLevel;
}

/** By flag, as the command line gives them (see cli/settings.ts, the table of all rows). */
export type SettingValues = Readonly<Record<string, string | number | boolean>>;

/** Paths become absolute; the data folder stands beside the database unless it is named. */
export function resolveSettings(values: SettingValues, database: string | undefined): Settings {
  const file = resolve(database ?? "cairn.sqlite");
  const data = resolve(text(values, "data") ?? `${file}.files`);
  const logs = placeOf(text(values, "logs") ?? `${data}/logs`);
  return {
    ...{ database: file, data, logs },
    results: resultsPlace(text(values, "results"), logs),
    host: required(text(values, "host"), "host"),
    memcachedPort: port(values, "memcached-port"),
    httpPort: port(values, "http-port"),
    imagePort: port(values, "image-port"),
    mergePort: port(values, "merge-port"),
    sync: text(values, "sync") === "normal" ? "normal" : "full",
    expire: values["expire"] === true,
    maxItem: within(values, "max-item", 1024, 1_073_741_824),
    memcachedSocket: path(values, "memcached-socket"),
    maxConnections: within(values, "max-connections", 1, 1_000_000),
    idleTimeout: within(values, "idle-timeout", 0, Number.MAX_SAFE_INTEGER),
    authFile: path(values, "auth-file"),
    tlsCert: path(values, "tls-cert"),
    tlsKey: path(values, "tls-key"),
    insecure: values["insecure"] === true,
    allowedHosts: hostNames(text(values, "allowed-hosts")),
    cache: within(values, "cache", 33_554_432, 2_000_000_000),
    workers: within(values, "workers", 0, 64),
    jobMemory: within(values, "job-memory", 256 * 1_048_576, Number.MAX_SAFE_INTEGER),
    mergeThreads: "merge-threads" in values ? within(values, "merge-threads", 1, 16) : undefined,
    maxChunkBody: within(values, "max-chunk", 1024, 1_073_741_824),
    maxUpload: "max-upload" in values ? within(values, "max-upload", 1, Number.MAX_SAFE_INTEGER) : null,
    quota: "quota" in values ? within(values, "quota", 1, Number.MAX_SAFE_INTEGER) : null,
    maxUploads: within(values, "max-uploads", 1, 10_000_000),
    uploadExpiry: within(values, "upload-expiry", 1000, Number.MAX_SAFE_INTEGER),
    resultExpiry: within(values, "result-expiry", 1000, Number.MAX_SAFE_INTEGER),
    keepJobs: within(values, "keep-jobs", 0, Number.MAX_SAFE_INTEGER),
    webhookSecret: text(values, "webhook-secret"),
    uploadWebhook: text(values, "upload-webhook"),
    webhookPrivate: values["webhook-private"] === true,
    logLevel: (text(values, "log-level") ?? "info") as LogLevel,
  };
}

/** The environment under which another process of this program resolves to the same settings. */
export function environmentOf(settings: Settings): Record<string, string> {
  return {
    CAIRN_DATA: settings.data,
    CAIRN_LOGS: settings.logs,
    ...(settings.results !== undefined && { CAIRN_RESULTS: settings.results }),
    CAIRN_HOST: settings.host,
    CAIRN_SYNC: settings.sync,
    CAIRN_JOB_MEMORY: String(settings.jobMemory),
    ...(settings.mergeThreads !== undefined && { CAIRN_MERGE_THREADS: String(settings.mergeThreads) }),
    CAIRN_RESULT_EXPIRY: `${settings.resultExpiry}ms`,
    CAIRN_LOG_LEVEL: settings.logLevel,
  };
}

function text(values: SettingValues, flag: string): string | undefined {
  const value = values[flag];
  return value === undefined ? undefined : String(value);
}

function path(values: SettingValues, flag: string): string | undefined {
  const value = text(values, flag);
  return value === undefined ? undefined : resolve(value);
}

function port(values: SettingValues, flag: string): PortSetting {
  const value = values[flag];
  if (value === "off" || typeof value === "number") return value;
  throw new Fault("invalid", `--${flag} is missing`);
}

function within(values: SettingValues, flag: string, least: number, most: number): number {
  const value = values[flag];
  if (typeof value === "number" && value >= least && value <= most) return value;
  throw new Fault("invalid", `--${flag}: ${value} is outside ${least} to ${most}`);
}

/** `a.example, .b.example` or `*`. */
function hostNames(list: string | undefined): readonly string[] {
  const names = (list ?? "").split(",").map((name) => name.trim().toLowerCase());
  const given = names.filter((name) => name !== "");
  const wrong = given.find((name) => !/^(\*|\.?[\w-]+(\.[\w-]+)*)$/.test(name));
  if (wrong === undefined) return given;
  throw new Fault("invalid", `--allowed-hosts: ${JSON.stringify(wrong)} is no name of a host`, {
    hint: "Write files.example.com, or .example.com for all names below it, without a scheme and a port; or * for any.",
  });
}

/** Addresses stay as they are; folders become absolute. */
function placeOf(place: string): string {
  return place.startsWith("s3://") ? place : resolve(place);
}

/** Nothing of ours is ever written among the logs. */
function resultsPlace(results: string | undefined, logs: string): string | undefined {
  if (results === undefined) return undefined;
  if (!results.startsWith("s3://")) {
    throw new Fault("invalid", `--results: ${JSON.stringify(results)} is not of the form s3://bucket/prefix`);
  }
  const [place, source] = [results, logs].map((text) => (text.endsWith("/") ? text : `${text}/`));
  if (place !== undefined && source !== undefined && !place.startsWith(source) && !source.startsWith(place)) {
    return results;
  }
  throw new Fault("invalid", `--results ${results} and --logs ${logs} lie within each other`, {
    hint: "Give the results a prefix, or a bucket, of their own.",
  });
}

function required(value: string | undefined, flag: string): string {
  if (value !== undefined) return value;
  throw new Fault("invalid", `--${flag} is missing`);
}
