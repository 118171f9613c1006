// Jobs over HTTP: submitted, listed, looked at, cancelled and retried at /api/jobs.

import { z } from "zod";
import type { Files } from "../../../domain/files/files.ts";
import type { Jobs, Submission } from "../../../domain/jobs/jobs.ts";
import type { Job, JobFilter } from "../../../ports/queue.ts";
import { type FileEntry, JobEntry, JobPage, JobState, NewJobBody } from "../../../wire/api.ts";
import { pathTo, ROUTES } from "../../../wire/routes.ts";
import { parseWith, readJson } from "../body.ts";
import { fileEntry } from "../files/routes.ts";
import type { Route } from "../route.ts";
import { queryOf } from "../target.ts";
import { bulkRoutes } from "./bulk.ts";
import { answerAllEvents, answerEvents } from "./events.ts";
import { kindsRoutes } from "./kinds.ts";

export interface JobsDoorOptions {
  readonly jobs: Jobs;
  readonly files: Files;
}

const Time = z.coerce.number().int().min(0);
const JobParameters = z.object({
  state: JobState.optional(),
  kind: z.string().max(100).optional(),
  text: z.string().min(1).max(200).optional(),
  since: Time.optional(),
  until: Time.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(100).optional(),
});

export function jobsRoutes({ jobs, files }: JobsDoorOptions): Route[] {
  const idOf = (request: { params: Record<string, string> }) => request.params.id ?? "";
  const entry = (job: Job) => entryOf(job, files);
  return [
    {
      method: "POST",
      path: ROUTES.jobs,
      summary: "Submits a job; the same idempotency key again gives the same job.",
      body: NewJobBody,
      answer: JobEntry,
      handle: async (request) => {
        const job = await jobs.submit(submissionOf(await readJson(request, NewJobBody)));
        const headers = { location: pathTo(ROUTES.job, { id: job.id }) };
        return Response.json(await entry(job), { status: 201, headers });
      },
    },
    {
      method: "GET",
      path: ROUTES.jobs,
      summary: "The jobs, newest first, by state, kind, text in id or input, and time of creation, in pages.",
      answer: JobPage,
      handle: async (request) => {
        const page = await jobs.page(readFilter(request));
        return Response.json({ jobs: await Promise.all(page.jobs.map(entry)), next: page.next });
      },
    },
    {
      method: "GET",
      path: ROUTES.job,
      summary: "What is known about a job: state, progress, log, error and result.",
      answer: JobEntry,
      handle: async (request) => Response.json(await entry(await jobs.require(idOf(request)))),
    },
    ...eventsRoutes(jobs, entry),
    ...bulkRoutes(jobs),
    ...kindsRoutes(jobs),
    {
      method: "DELETE",
      path: ROUTES.job,
      summary: "Cancels a job: a queued one at once, a running one within about a second.",
      answer: JobEntry,
      handle: async (request) => Response.json(await entry(await jobs.cancel(idOf(request)))),
    },
    {
      method: "POST",
      path: ROUTES.jobRetry,
      summary: "Puts a failed or cancelled job back into the queue.",
      answer: JobEntry,
      handle: async (request) => Response.json(await entry(await jobs.retry(idOf(request)))),
    },
  ];
}

function eventsRoutes(jobs: Jobs, entry: (job: Job) => Promise<JobEntry>): Route[] {
  return [
    {
      method: "GET",
      path: ROUTES.jobsEvents,
      summary: "Server-sent events of the jobs by the same filters: each as `job`, and again at each change.",
      handle: (request) => answerAllEvents(request, readFilter(request), jobs, entry),
    },
    {
      method: "GET",
      path: ROUTES.jobEvents,
      summary: "Server-sent events: the job as `job` whenever it has changed, at last as `end`.",
      handle: (request) => answerEvents(request, jobs, entry),
    },
  ];
}

/** Absent members must stay absent: `exactOptionalPropertyTypes`. */
function submissionOf({ kind, input, ...rest }: NewJobBody): Submission {
  return { kind, input, ...(JSON.parse(JSON.stringify(rest)) as Omit<Submission, "kind" | "input">) };
}

function readFilter(request: Request): JobFilter {
  const filter = parseWith(JobParameters, queryOf(request.url), "the query");
  // Absent parameters must stay absent: `exactOptionalPropertyTypes`.
  return JSON.parse(JSON.stringify(filter)) as JobFilter;
}

async function entryOf(job: Job, files: Files): Promise<JobEntry> {
  const { idempotencyKey: _, ...shown } = job;
  const [file, rejects] = await Promise.all([fileOf(job, "file", files), fileOf(job, "rejects", files)]);
  const timings = timingsOf(job);
  return { ...shown, log: [...job.log], timings, file, rejects } as JobEntry;
}

function timingsOf({ createdAt, startedAt, finishedAt }: Job): JobEntry["timings"] {
  const waited = startedAt === null ? null : startedAt - createdAt;
  return { waited, worked: startedAt === null || finishedAt === null ? null : finishedAt - startedAt };
}

/** A file that a succeeded job made and names in its result. */
async function fileOf({ result }: Job, member: "file" | "rejects", files: Files): Promise<FileEntry | null> {
  if (typeof result !== "object" || result === null || Array.isArray(result)) return null;
  const id = Object.getOwnPropertyDescriptor(result, member)?.value;
  const file = typeof id === "string" ? await files.get(id) : undefined;
  return file ? fileEntry(file) : null;
}
