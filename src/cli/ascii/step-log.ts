// The image client's log: one line for each step, as text or as JSON.

import type { Output } from "../output.ts";

export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

export interface StepLogOptions {
  readonly format: "text" | "json";
  /** The least level that is printed. */
  readonly level: Level;
}

export type StepLog = (
  level: Level,
  event: string,
  fields: Readonly<Record<string, string | number>>,
) => void;

/** `time=… level=info msg=image.registered sha256=…`, or the same as a JSON object. */
export function stepLog(output: Output, { format, level: least }: StepLogOptions): StepLog {
  return (level, event, fields) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    const entry = { time: new Date().toISOString(), level, msg: event, ...fields };
    if (format === "json") output.line(JSON.stringify(entry));
    else
      output.line(
        Object.entries(entry)
          .map(([key, value]) => `${key}=${word(value)}`)
          .join(" "),
      );
  };
}

function word(value: string | number): string {
  const text = String(value);
  return /^[\w.:/-]+$/.test(text) ? text : JSON.stringify(text);
}
