// The table of commands. Each is imported only when it is called, so that none pays for another's libraries.

import type { Command } from "./command.ts";

export interface CommandEntry {
  /** One line for `cairn --help`. */
  readonly summary: string;
  load(): Promise<Command>;
}

/** In the order of `cairn --help`. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: "everything in one command: all doors, the dashboard, and the workers",
    load: async () => (await import("./serve.ts")).serve,
  },
  password: {
    summary: "prints the line that lets a user in (--auth-file)",
    load: async () => (await import("./password.ts")).password,
  },
  worker: {
    summary: "one more worker process beside a running server",
    load: async () => (await import("./worker.ts")).worker,
  },
  health: {
    summary: "asks every door of a server whether it answers",
    load: async () => (await import("./health.ts")).health,
  },
  check: {
    summary: "checks the database of items and its journal",
    load: async () => (await import("./check.ts")).check,
  },
  backup: {
    summary: "copies the items into one file, also while a server runs",
    load: async () => (await import("./backup.ts")).backup,
  },
  restore: {
    summary: "makes a database of items from a backup",
    load: async () => (await import("./restore.ts")).restore,
  },
  store: {
    summary: "stores a large file in memcached",
    load: async () => (await import("./store.ts")).store,
  },
  retrieve: {
    summary: "retrieves a large file from memcached, verified",
    load: async () => (await import("./retrieve.ts")).retrieve,
  },
  verify: {
    summary: "checks every byte of a large file in memcached",
    load: async () => (await import("./verify.ts")).verify,
  },
  repair: {
    summary: "sends again what is missing of a large file in memcached",
    load: async () => (await import("./repair.ts")).repair,
  },
  remove: {
    summary: "removes a large file from memcached",
    load: async () => (await import("./remove.ts")).remove,
  },
  list: {
    summary: "lists the large files in memcached",
    load: async () => (await import("./list.ts")).list,
  },
  gc: {
    summary: "removes what interrupted stores have left in memcached",
    load: async () => (await import("./gc.ts")).gc,
  },
  upload: {
    summary: "uploads files to a server, resumable, with progress",
    load: async () => (await import("./upload.ts")).upload,
  },
  download: {
    summary: "downloads a file by parallel ranges, resumable and verified",
    load: async () => (await import("./download.ts")).download,
  },
  aggregate: {
    summary: "totals over a CSV, as a job on a server or --local",
    load: async () => (await import("./aggregate.ts")).aggregate,
  },
  merge: {
    summary: "merges sorted files, in place of sort -m, or the logs of a range of days on a server",
    load: async () => (await import("./merge.ts")).merge,
  },
  generate: {
    summary: "makes test data: logs, plays, or text images",
    load: async () => (await import("./generate.ts")).generate,
  },
  ascii: {
    summary: "a client of the image protocol, prints SUCCESS!",
    load: async () => (await import("./ascii.ts")).ascii,
  },
  completion: {
    summary: "prints a completion script for bash, zsh or fish",
    load: async () => (await import("./completion.ts")).completionCommand(COMMANDS),
  },
};
