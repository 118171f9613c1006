// The log: JSON lines by pino on standard error, the event's name first.

import pino from "pino";
import type { Log, LogFields } from "../ports/log.ts";
import { Fault } from "../wire/faults.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `process` names the process in every line: `serve`, `worker 2`. */
export function openLog(level: LogLevel, processName: string): Log {
  const logger = pino(
    {
      level,
      messageKey: "event",
      base: { process: processName },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError, cause: describeError },
    },
    // Synchronous, so that the last lines before an exit are not lost. Nothing on a hot path logs.
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (event, fields?: LogFields) => logger.debug(fields ?? {}, event),
    info: (event, fields?: LogFields) => logger.info(fields ?? {}, event),
    warn: (event, fields?: LogFields) => logger.warn(fields ?? {}, event),
    error: (event, fields?: LogFields) => logger.error(fields ?? {}, event),
  };
}

function describeError(error: unknown): unknown {
  if (error instanceof Fault) {
    const { code, message, hint, details, stack } = error;
    return { code, message, hint, details, ...(code === "internal" && { stack }) };
  }
  return error instanceof Error ? pino.stdSerializers.err(error) : error;
}
