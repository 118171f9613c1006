// One row per setting: from it come the flag, the environment variable, the check, `--help` and docs/config.md.

import { parseArgs } from "node:util";
import { Fault } from "../wire/faults.ts";

export type OptionType = "text" | "integer" | "bytes" | "duration" | "switch" | "choice" | "port";

export interface Option {
  /** Without the dashes: `memcached-port`. */
  readonly flag: string;
  /** One letter: `-o`. */
  readonly short?: string;
  readonly type: OptionType;
  /** For `choice`. */
  readonly choices?: readonly string[];
  /** As it would be typed; undefined: not set unless given. */
  readonly default?: string;
  /** One line for `--help`. */
  readonly help: string;
  /** The word in `--flag WORD`; default from the type. */
  readonly word?: string;
}

/** A port number, or `off`. */
export type PortSetting = number | "off";
export type OptionValue = string | number | boolean;

export interface Arguments {
  readonly positionals: readonly string[];
  /** By flag. Bytes and durations are numbers (bytes, ms); absent options without default are absent. */
  readonly values: Readonly<Record<string, OptionValue>>;
}

/** Reads `argv` by the rows; a flag wins over `CAIRN_…`, which wins over the default. Fault `invalid` names the flag. */
export function readArguments(
  argv: readonly string[],
  options: readonly Option[],
  env: Readonly<Record<string, string | undefined>>,
): Arguments {
  const { values: given, positionals } = parse(argv, options);
  const values: Record<string, OptionValue> = {};
  for (const option of options) {
    const flagged = given[option.flag];
    const text =
      typeof flagged === "boolean" ? String(flagged) : (flagged ?? env[variableOf(option)] ?? option.default);
    if (text !== undefined && text !== "") values[option.flag] = readValue(option, text);
  }
  return { positionals, values };
}

/** `memcached-port` → `CAIRN_MEMCACHED_PORT`. */
export function variableOf(option: Option): string {
  return `CAIRN_${option.flag.toUpperCase().replaceAll("-", "_")}`;
}

/** The lines of `--help` for these rows. */
export function helpLines(options: readonly Option[]): string[] {
  const heads = options.map((option) => `${shortOf(option)}--${option.flag}${wordOf(option)}`);
  const width = Math.max(0, ...heads.map((head) => head.length));
  return options.map((option, i) => {
    const fallback = option.default === undefined || option.type === "switch" ? "" : `  [${option.default}]`;
    return `  ${(heads[i] ?? "").padEnd(width)}  ${option.help}${fallback}`;
  });
}

/** `64mb`, `1.5 GB`, `512kib`, `1048576` → bytes. k, m, g are powers of 1,024, as memcached's and Redis's are. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?$/i.exec(text.trim());
  if (!match) return undefined;
  const power = " kmgt".indexOf((match[2] || " ").toLowerCase());
  const bytes = Math.floor(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `250ms`, `30s`, `5m`, `12h`, `7d` → milliseconds. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/i.exec(text.trim());
  if (!match) return undefined;
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[(match[2] ?? "").toLowerCase()];
  return unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

function parse(argv: readonly string[], options: readonly Option[]) {
  const config = Object.fromEntries(
    options.map(({ flag, type, short }) => [
      flag,
      { type: type === "switch" ? ("boolean" as const) : ("string" as const), ...(short && { short }) },
    ]),
  );
  try {
    return parseArgs({ args: normalise(argv), options: config, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new Fault("invalid", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Go-style `-files 300`, which clients of the image protocol are used to, is `--files 300`. */
function normalise(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((arg, i) => ((end < 0 || i < end) && /^-[a-z][a-z-]+(=|$)/.test(arg) ? `-${arg}` : arg));
}

function readValue(option: Option, text: string): OptionValue {
  const value = READERS[option.type](text, option);
  if (value !== undefined) return value;
  throw new Fault("invalid", `--${option.flag}: ${JSON.stringify(text)} is not ${expectationOf(option)}`);
}

const READERS: Record<OptionType, (text: string, option: Option) => OptionValue | undefined> = {
  text: (text) => text,
  integer: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : undefined),
  bytes: (text) => parseBytes(text),
  duration: (text) => parseDuration(text),
  switch: (text) =>
    ({ true: true, "1": true, yes: true, on: true, false: false, "0": false, no: false, off: false })[text],
  choice: (text, option) => (option.choices?.includes(text) ? text : undefined),
  port: (text) =>
    text === "off" ? "off" : /^\d{1,5}$/.test(text) && Number(text) < 65_536 ? Number(text) : undefined,
};

function expectationOf(option: Option): string {
  switch (option.type) {
    case "text":
      return "a text";
    case "integer":
      return "a whole number";
    case "bytes":
      return "a size such as 512kb, 64mb or 1048576";
    case "duration":
      return "a duration such as 250ms, 30s, 12h or 7d";
    case "switch":
      return "true or false";
    case "choice":
      return `one of ${option.choices?.join(", ")}`;
    case "port":
      return "a port (0 to 65535, 0: any free one) or off";
  }
}

function shortOf({ short }: Option): string {
  return short === undefined ? "" : `-${short}, `;
}

function wordOf(option: Option): string {
  if (option.type === "switch") return "";
  if (option.word !== undefined) return ` ${option.word}`;
  if (option.type === "choice") return ` ${option.choices?.join("|")}`;
  return ` ${{ text: "TEXT", integer: "N", bytes: "SIZE", duration: "TIME", port: "PORT" }[option.type]}`;
}
