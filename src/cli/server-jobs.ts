// A job on a server, from its start to its end, with its progress on the terminal.

import { setTimeout as sleep } from "node:timers/promises";
import { exchange } from "../client/http/request.ts";
import { transferSettings } from "../client/http/settings.ts";
import type { JobEntry, NewJobBody } from "../wire/api.ts";
import { CODES, Fault, isFault } from "../wire/faults.ts";
import { pathTo, ROUTES } from "../wire/routes.ts";
import type { Invocation } from "./command.ts";
import { progressBar } from "./progress.ts";
import { pathOn } from "./transfers.ts";

/** The end is seen late by a fortieth of the job's time at most, within these bounds. */
const SOONEST_MS = 20;
const LATEST_MS = 500;
/** An interrupt waits for the answer to a new job for so long: without its id it could not be cancelled. */
const SUBMIT_MS = 10_000;

/** Runs the job to its end; an interrupted command cancels it. Throws the job's own error. */
export async function runOnServer(invocation: Invocation, body: NewJobBody): Promise<JobEntry> {
  const { output, values, signal } = invocation;
  signal.throwIfAborted();
  const submission = { ...invocation, signal: AbortSignal.timeout(SUBMIT_MS) };
  const started = await ask(submission, "POST", ROUTES.jobs, body);
  const path = pathTo(ROUTES.job, { id: started.id });
  const bar = progressBar(output, body.kind, values.quiet === true);
  const began = performance.now();
  try {
    for (let job = started; ; job = await ask(invocation, "GET", path)) {
      if (job.state === "succeeded") return job;
      if (job.state === "failed" || job.state === "cancelled") throw failureOf(job);
      if (job.progress) bar.update(job.progress);
      const pause = (performance.now() - began) / 40;
      await sleep(Math.min(LATEST_MS, Math.max(SOONEST_MS, pause)), undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    await ask({ ...invocation, signal: AbortSignal.timeout(5_000) }, "DELETE", path).catch(
      (late: unknown) => {
        // It has ended meanwhile.
        if (!isFault(late, "conflict") && !isFault(late, "not-found")) throw late;
      },
    );
    throw signal.reason;
  } finally {
    bar.end();
  }
}

async function ask(
  invocation: Invocation,
  method: string,
  path: string,
  body?: NewJobBody,
): Promise<JobEntry> {
  const { url, headers } = pathOn(invocation, path);
  const { signal, values } = invocation;
  const settings = transferSettings({ headers, signal, patience: Number(values.patience) });
  const init = body
    ? { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } }
    : { method };
  const { text } = await exchange(url.href, init, settings);
  return parse(url.href, text);
}

function parse(url: string, text: string): JobEntry {
  try {
    return JSON.parse(text) as JobEntry;
  } catch (cause) {
    throw new Fault("unreachable", `${url} does not answer as a Cairn server does`, { cause });
  }
}

function failureOf({ id, kind, state, error }: JobEntry): Fault {
  if (state === "cancelled") return new Fault("cancelled", `the ${kind} job ${id} was cancelled`);
  const code = CODES.find((known) => known === error?.code) ?? "internal";
  return new Fault(code, `the ${kind} job ${id} failed: ${error?.message ?? "its error is not known"}`, {
    ...(error?.hint && { hint: error.hint }),
  });
}
