// A job's life as server-sent events, for live progress without polling.

import type { Jobs } from "../../../domain/jobs/jobs.ts";
import type { Job } from "../../../ports/queue.ts";
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
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // nginx would gather the events otherwise.
    "x-accel-buffering": "no",
  };
  return new Response(body, { headers });
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
  const send = (text: string) => controller.enqueue(new TextEncoder().encode(text));
  const keepsUp = () => (controller.desiredSize ?? 0) > -MOST_UNREAD;
  const keepAlive = setInterval(() => keepsUp() && send(": still here\n\n"), KEEP_ALIVE_MS);
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
