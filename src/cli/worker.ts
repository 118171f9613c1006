// `cairn worker`: one more worker process on the same database and folder as a server.

import type { Command } from "./command.ts";
import { SERVE_SETTINGS } from "./settings.ts";

export const worker: Command = {
  name: "worker",
  description: "Works on the jobs of the server that runs on the same database, until it is stopped.",
  usage: "[DATABASE]",
  arity: [0, 1],
  options: SERVE_SETTINGS,
  async run({ positionals, values, signal }) {
    const { workUntil } = await import("../app/work.ts");
    await workUntil(signal, values, positionals[0]);
  },
};
