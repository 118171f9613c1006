// The log as the domain and the doors see it: an event name, then its facts.

export type LogFields = Readonly<Record<string, unknown>>;

/** `event` is `noun.verb` in the past tense where something happened: `upload.finished`, `worker.exited`. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}
