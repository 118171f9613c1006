// The table of all settings of `serve` and `worker`: a row is a flag, an environment variable and a line of docs/config.md.

import type { Option } from "./option.ts";

/** Of `serve`, `worker` and `merge`. */
export const MERGE_THREADS: Option = {
  flag: "merge-threads",
  type: "integer",
  help: "threads of a large merge, 1 to 16; default: one per processor, at most 4",
};

/** Settings that a server and every worker beside it must share. */
export const SHARED_SETTINGS: readonly Option[] = [
  {
    flag: "data",
    type: "text",
    word: "DIR",
    help: "folder of uploads, files and jobs; default: beside the database, <database>.files",
  },
  {
    flag: "logs",
    type: "text",
    word: "DIR|s3://BUCKET/PREFIX",
    help: "the folder or S3 bucket whose log files merges read; default: <data>/logs",
  },
  {
    flag: "results",
    type: "text",
    word: "s3://BUCKET/PREFIX",
    help: "where results of jobs are kept, a prefix for this server alone; default: in the data folder",
  },
  {
    flag: "sync",
    type: "choice",
    choices: ["full", "normal"],
    default: "full",
    help: "full: acknowledged means on disk. normal: survives the process, perhaps not the power",
  },
  {
    flag: "job-memory",
    type: "bytes",
    default: "512mb",
    help: "memory that one aggregation may use before it spills to disk, 256mb or more",
  },
  MERGE_THREADS,
  {
    flag: "result-expiry",
    type: "duration",
    default: "7d",
    help: "how long ended jobs and their results are kept",
  },
  {
    flag: "log-level",
    type: "choice",
    choices: ["debug", "info", "warn", "error", "silent"],
    default: "info",
    help: "least severity of the log lines on standard error",
  },
];

export const SERVE_SETTINGS: readonly Option[] = [
  {
    flag: "host",
    type: "text",
    default: "127.0.0.1",
    word: "ADDRESS",
    help: "address to listen on; 0.0.0.0 opens every door to the network, which needs --auth-file or --insecure",
  },
  {
    flag: "memcached-port",
    type: "port",
    default: "11211",
    help: "memcached protocol; 0: any free port, off: closed",
  },
  { flag: "http-port", type: "port", default: "8000", help: "dashboard, Dropzone uploads, files, jobs" },
  { flag: "image-port", type: "port", default: "4444", help: "image chunks in JSON" },
  { flag: "merge-port", type: "port", default: "6543", help: "merges of a date range" },
  {
    flag: "expire",
    type: "switch",
    help: "memcached items expire at their exptime; without it stored values never expire",
  },
  { flag: "max-item", type: "bytes", default: "1mb", help: "largest memcached item, 1kb to 1gb" },
  {
    flag: "memcached-socket",
    type: "text",
    word: "PATH",
    help: "Unix socket for the memcached protocol, beside its port or, with that off, alone",
  },
  {
    flag: "max-connections",
    type: "integer",
    default: "1024",
    help: "memcached connections at a time; one more is told so and closed",
  },
  {
    flag: "idle-timeout",
    type: "duration",
    default: "0s",
    help: "closes memcached connections on which nothing moves for so long; 0s: never",
  },
  {
    flag: "auth-file",
    type: "text",
    word: "FILE",
    help: "who may use the doors, all but /healthz: lines of 'cairn password'; SIGHUP reads it again",
  },
  {
    flag: "tls-cert",
    type: "text",
    word: "FILE",
    help: "certificate (PEM) for the memcached port; SIGHUP reads it again",
  },
  { flag: "tls-key", type: "text", word: "FILE", help: "the certificate's key (PEM)" },
  {
    flag: "insecure",
    type: "switch",
    help: "lets doors without a password listen beyond this machine (see --host)",
  },
  {
    flag: "allowed-hosts",
    type: "text",
    word: "NAME,…",
    help: "names that the dashboard without a password answers, beside addresses and local ones; .example.com: all below; *: any",
  },
  {
    flag: "cache",
    type: "bytes",
    default: "256mb",
    help: "memory for items: those used lately, and those on their way into the database; 32mb to 1.8gb",
  },
  {
    flag: "max-chunk",
    type: "bytes",
    default: "64mb",
    help: "largest JSON body of one image chunk",
  },
  { flag: "workers", type: "integer", default: "1", help: "worker processes to keep running; 0: none here" },
  {
    flag: "keep-jobs",
    type: "integer",
    default: "100000",
    help: "how many ended jobs are kept at most; the oldest go first, with their results",
  },
  {
    flag: "webhook-secret",
    type: "text",
    word: "SECRET",
    help: "signs the notices that webhooks get; whsec_… is base64",
  },
  {
    flag: "webhook-private",
    type: "switch",
    help: "webhooks may lead to this machine and its network",
  },
  {
    flag: "upload-webhook",
    type: "text",
    word: "URL",
    help: "is told of every upload that finished, failed or expired",
  },
  { flag: "max-upload", type: "bytes", help: "largest upload; default: as much as the disk takes" },
  {
    flag: "quota",
    type: "bytes",
    help: "bytes of all files and unfinished uploads together; default: as much as the disk takes",
  },
  {
    flag: "max-uploads",
    type: "integer",
    default: "100000",
    help: "unfinished uploads at one time; more are answered 503",
  },
  {
    flag: "upload-expiry",
    type: "duration",
    default: "7d",
    help: "when an unfinished upload that no longer grows is removed, and how long one that ended stays known",
  },
  ...SHARED_SETTINGS,
];
