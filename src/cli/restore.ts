// `cairn restore`: makes a database of items from a backup.

import type { Command } from "./command.ts";
import { bytesText } from "./progress.ts";

export const restore: Command = {
  name: "restore",
  description:
    "Makes the database (default: cairn.sqlite), which must not be there yet, from FILE that 'cairn backup' has written.",
  usage: "FILE [DATABASE]",
  arity: [1, 2],
  options: [
    {
      flag: "verify",
      type: "switch",
      help: "checks every page and item of the backup first, and says what was checked",
    },
  ],
  async run({ positionals: [file = "", database], values, output }) {
    const { restore: bringBack } = await import("../app/kv-care.ts");
    const report = bringBack(file, database, values["verify"] === true);
    if (report) {
      output.line(
        `checked: every page of the file, and the totals against ${report.items} items of ${bytesText(report.bytes)}`,
      );
    }
    output.line(`restored ${database ?? "cairn.sqlite"} from ${file}`);
  },
};
