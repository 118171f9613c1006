// The life of a job, or of all jobs, as server-sent events, for live progress without polling.

import type { Jobs } from "../../../domain/jobs/jobs.ts";
import type { Job, JobFilter } from "../../../ports/queue.ts";
import type { JobEntry } from "../../../wire/api.ts";

/** A comment now and then keeps proxies and our own idle timeout from closing a stream that has nothing to tell. */
const KEEP_ALIVE_MS = 15_000;
/** Events that may wait for a reader. */
const MOST_UNREAD = 16;
/** What a browser sends when it reconnects after `end`; 204 tells it to stop. */
const END = "end";

/** Fault `not-found` before the stream begins. The stream ends after the event `end`. */
export async function answerEvents(
  request: Request & { readonly params: Readonly<Record<string, string>> },
  jobs: Jobs,
  entryOf: (job: Job) => Promise<JobEntry>,
): Promise<Response> {
  const { id } = await jobs.require(request.params.id ?? "");
  if (request.headers.get("last-event-id") === END) return new Response(null, { status: 204 });
  const gone = new AbortController();
  request.signal.addEventListener("abort", () => gone.abort(), { once: true });
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      void pump(controller, jobs.watch(id, gone.signal), entryOf, gone.signal);
    },
    cancel: () => gone.abort(),
  });
  return new Response(body, { headers: HEADERS });
}

/** The jobs that fit `filter`, each as an event `job`, and again at each change; the stream ends with its reader. */
export function answerAllEvents(
  request: Request,
  filter: JobFilter,
  jobs: Jobs,
  entryOf: (job: Job) => Promise<JobEntry>,
): Response {
  const gone = new AbortController();
  request.signal.addEventListener("abort", () => gone.abort(), { once: true });
  const changes = jobs.watchAll(filter, gone.signal);
  let keepAlive: Timer | undefined;
  gone.signal.addEventListener("abort", () => clearInterval(keepAlive), { once: true });
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      const comment = () => (controller.desiredSize ?? 0) > 0 && controller.enqueue(encoded(COMMENT));
      // The head of the answer goes with its first bytes, and there may be no job yet.
      comment();
      keepAlive = setInterval(comment, KEEP_ALIVE_MS);
    },
    // Pulled, so that a reader who does not keep up skips what is in between, and never the last state of a job.
    pull: async (controller) => {
      const { value: job, done } = await changes.next();
      if (!done) controller.enqueue(encoded(eventOf(await entryOf(job), false)));
      else if (!gone.signal.aborted) controller.close();
    },
    cancel: () => gone.abort(),
  });
  return new Response(body, { headers: HEADERS });
}

const COMMENT = ": still here\n\n";
const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // nginx would gather the events otherwise.
  "x-accel-buffering": "no",
};

function encoded(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/**
 * Sends until the job has ended or the reader is gone. Not awaited by the stream's start, so that it is read while it
 * is filled. A reader that does not keep up misses changes, never the end.
 */
async function pump(
  controller: ReadableStreamDefaultController<Uint8Array>,
  changes: AsyncIterable<Job>,
  entryOf: (job: Job) => Promise<JobEntry>,
  gone: AbortSignal,
): Promise<void> {
  const send = (text: string) => controller.enqueue(encoded(text));
  const keepsUp = () => (controller.desiredSize ?? 0) > -MOST_UNREAD;
  const keepAlive = setInterval(() => keepsUp() && send(COMMENT), KEEP_ALIVE_MS);
  try {
    for await (const job of changes) {
      const ended = job.finishedAt !== null;
      if (ended || keepsUp()) send(eventOf(await entryOf(job), ended));
    }
    if (!gone.aborted) controller.close();
  } catch (error) {
    if (!gone.aborted) controller.error(error);
  } finally {
    clearInterval(keepAlive);
  }
}

function eventOf(entry: JobEntry, ended: boolean): string {
  const data = JSON.stringify(entry);
  return ended ? `id: ${END}\nevent: end\ndata: ${data}\n\n` : `event: job\ndata: ${data}\n\n`;
}
