// What a kind of job is: a name, the input it takes, and, in a worker, the handler that does it.

import type { z } from "zod";
import type { Job, JobProgress, Json } from "../../ports/queue.ts";
import { Fault } from "../../wire/faults.ts";

/** All that the service needs to accept a job; it never loads what does the work. */
export interface JobKind<Input extends Json = Json> {
  readonly name: string;
  /** Parses and checks the input; what it returns is stored. */
  readonly input: z.ZodType<Input>;
}

export interface JobContext {
  readonly job: Job;
  /** Aborted when the job is cancelled, its lease is lost, or the worker stops. Its reason is to be thrown. */
  readonly signal: AbortSignal;
  /** Cheap: the newest is stored with the next heartbeat. */
  progress(progress: JobProgress): void;
  /** A line for the job's own log, stored with the next heartbeat. */
  log(text: string): void;
}

/** Does the work of one kind. It may be run again after a crash at any point, so it must be repeatable. */
export interface JobHandler<Input extends Json = Json> {
  readonly kind: JobKind<Input>;
  run(input: Input, context: JobContext): Promise<Json>;
}

/** The input as the kind takes it, or Fault `invalid` that names each problem. */
export function parseInput<Input extends Json>(kind: JobKind<Input>, input: unknown): Input {
  const parsed = kind.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  throw new Fault("invalid", `the input of this ${kind.name} job is malformed: ${problems.join("; ")}`, {
    details: { problems },
  });
}
