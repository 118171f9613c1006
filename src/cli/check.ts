// `cairn check`: whether the database of items and its journal are sound.

import type { Command } from "./command.ts";
import { bytesText } from "./progress.ts";

export const check: Command = {
  name: "check",
  description:
    "Checks every page of the database (default: cairn.sqlite), its totals against its items, every large value beside it, and every record of its journal. Changes nothing; a server may be running.",
  usage: "[DATABASE]",
  arity: [0, 1],
  options: [],
  async run({ positionals, output }) {
    const { check: checkItems } = await import("../app/kv-care.ts");
    const { items, bytes, values, journal } = checkItems(positionals[0]);
    output.line(`database: sound, ${items} items of ${bytesText(bytes)}, totals agree`);
    if (values.files > 0) {
      output.line(
        `large values: sound, ${values.files} files of ${bytesText(values.bytes)}, read to the last byte`,
      );
    }
    if (values.unlisted > 0) {
      output.line(
        `large values: ${values.unlisted} files that no item has yet or any more; a start removes what is left over`,
      );
    }
    if (!journal) {
      output.line("journal: not checked, a server has it in use");
      return;
    }
    output.line(`journal: sound, ${journal.records} records with ${journal.changes} changes to be taken in`);
    if (journal.incomplete) {
      output.line(
        "journal: it ends early, as after a power cut with --sync normal; what follows is set aside",
      );
    }
  },
};
