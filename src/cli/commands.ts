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
  worker: {
    summary: "one more worker process beside a running server",
    load: async () => (await import("./worker.ts")).worker,
  },
};
