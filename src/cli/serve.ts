// `cairn serve`: all doors, the dashboard, and the workers.

import type { Command } from "./command.ts";
import { limitGarbage } from "./garbage.ts";
import { SERVE_SETTINGS } from "./settings.ts";

export const serve: Command = {
  name: "serve",
  description:
    "Serves everything on one SQLite file and one folder, which are created when missing (default: cairn.sqlite).",
  usage: "[DATABASE]",
  arity: [0, 1],
  options: SERVE_SETTINGS,
  async run({ positionals, values, output, signal }) {
    limitGarbage();
    const { serveUntil } = await import("../app/serve.ts");
    await serveUntil(signal, values, positionals[0], (text) => output.line(text));
  },
};
