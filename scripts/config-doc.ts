// Writes docs/config.md from the table of settings; a test holds the document to the table.

import { type Option, variableOf } from "../src/cli/option.ts";
import { SERVE_SETTINGS, SHARED_SETTINGS } from "../src/cli/settings.ts";

export const CONFIG_DOC = new URL("../docs/config.md", import.meta.url);

/** The document's text. */
export function configDoc(): string {
  const shared = new Set(SHARED_SETTINGS.map(({ flag }) => flag));
  return [
    "# Settings",
    "",
    "Every setting of `cairn serve` is a flag and an environment variable; the flag wins. This page is made from the table in",
    "`src/cli/settings.ts` by `npm run docs`.",
    "",
    "`cairn worker` takes the same table, so that one environment serves both; it uses the rows marked ●, which must be the same for a",
    "server and the workers beside it.",
    "",
    "| flag | variable | default | worker | meaning |",
    "|---|---|---|---|---|",
    ...SERVE_SETTINGS.map((option) => row(option, shared.has(option.flag))),
    "",
    "Sizes are written `512kb`, `64mb`, `1gb` (powers of 1,024) or as plain bytes; durations `250ms`, `30s`, `5m`, `12h`, `7d`; a port is a number, `0` for any",
    "free one, or `off`. `CAIRN_DEBUG=1` adds the stack to the error of a command.",
    "",
  ].join("\n");
}

function row(option: Option, shared: boolean): string {
  const value = option.type === "switch" ? "off" : (option.default ?? "");
  const help = option.help.replaceAll("|", "\\|").replaceAll("<", "&lt;");
  return `| \`--${option.flag}\` | \`${variableOf(option)}\` | ${value && `\`${value}\``} | ${shared ? "●" : ""} | ${help} |`;
}

if (import.meta.main) await Bun.write(CONFIG_DOC, configDoc());
