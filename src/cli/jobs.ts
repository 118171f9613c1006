// Jobs as commands use them: submitted, followed to their end with progress, cancelled when the command is.

import type { JobEntry, NewJobBody } from "../wire/api.ts";
import { CODES, type Code, Fault } from "../wire/faults.ts";
import { pathTo, ROUTES } from "../wire/routes.ts";
import type { Invocation } from "./command.ts";
import { progressBar } from "./progress.ts";
import { pathOn } from "./transfers.ts";

const LOOK_MS = 200;

export function submitJob(invocation: Invocation, job: NewJobBody): Promise<JobEntry> {
  return ask(invocation, "POST", ROUTES.jobs, job);
}

/** The job once it has succeeded; its error as a Fault otherwise. A command that is stopped cancels its job. */
export async function followJob(invocation: Invocation, id: string): Promise<JobEntry> {
  const { output, signal, values } = invocation;
  const path = pathTo(ROUTES.job, { id });
  const bar = progressBar(output, "working", values.quiet === true);
  try {
    for (;;) {
      const job = await ask(invocation, "GET", path);
      if (job.progress && job.progress.total > 0) bar.update(job.progress);
      if (job.state === "succeeded") return job;
      if (job.state === "failed" || job.state === "cancelled") throw failureOf(job);
      await pause(signal);
    }
  } catch (error) {
    if (signal.aborted) await ask({ ...invocation, signal: AbortSignal.timeout(5_000) }, "DELETE", path);
    throw error;
  } finally {
    bar.end();
  }
}

function failureOf({ id, state, error }: JobEntry): Fault {
  const code = CODES.find((known) => known === error?.code) ?? "internal";
  const message = error?.message ?? `the job ${id} was ${state}`;
  return new Fault(code, message, error?.hint ? { hint: error.hint } : {});
}

async function ask(
  invocation: Invocation,
  method: string,
  path: string,
  body?: NewJobBody,
): Promise<JobEntry> {
  const { url, headers } = pathOn(invocation, path);
  let answer: Response;
  try {
    answer = await fetch(url, {
      method,
      signal: invocation.signal,
      headers: { ...headers, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    invocation.signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new Fault("unreachable", `${url.origin} does not answer: ${why}`, { cause: error });
  }
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as JobEntry;
  throw refusalOf(text, answer.status);
}

/** The server's own fault where it sent one. */
function refusalOf(text: string, status: number): Fault {
  try {
    const { error } = JSON.parse(text) as { error: { code: Code; message: string; hint?: string } };
    return new Fault(error.code, error.message, error.hint ? { hint: error.hint } : {});
  } catch (cause) {
    return new Fault("internal", `the server answered ${status}: ${text.slice(0, 200)}`, { cause });
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, LOOK_MS);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}
