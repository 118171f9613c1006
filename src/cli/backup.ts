// `cairn backup`: the items in one file, also of a server that runs.

import type { Command } from "./command.ts";
import { bytesText } from "./progress.ts";

export const backup: Command = {
  name: "backup",
  description:
    "Copies the items of the database (default: cairn.sqlite) into FILE, journal included, and checks the copy before it gets its name. A server may be running. Files and jobs are in the data folder, which is copied by itself.",
  usage: "FILE [DATABASE]",
  arity: [1, 2],
  options: [],
  async run({ positionals: [file = "", database], output }) {
    const { backup: backUp } = await import("../app/kv-care.ts");
    const { items, bytes } = backUp(file, database);
    output.line(`${file}: ${items} items of ${bytesText(bytes)}, checked`);
  },
};
