// What a list of jobs becomes when some of them have changed.

import type { InfiniteData } from "@tanstack/react-query";
import type { JobEntry, JobPage } from "../wire/api.ts";

/** As the list was asked for; empty is any. */
export type JobFilter = Readonly<Record<string, string>>;

type JobList = InfiniteData<JobPage>;
type Changes = ReadonlyMap<string, JobEntry>;

/** The same list, with the jobs that it has as they are now. */
export function withChanges(list: JobList, changes: Changes): JobList {
  const touched = list.pages.some(({ jobs }) => jobs.some(({ id }) => changes.has(id)));
  if (!touched) return list;
  const pages = list.pages.map((page) => ({
    ...page,
    jobs: page.jobs.map((job) => changes.get(job.id) ?? job),
  }));
  return { ...list, pages };
}

/** Whether the list has a job that it should no longer have, or lacks one. Only the server knows where that belongs. */
export function isOutdated({ state, kind }: JobFilter, list: JobList, changes: Changes): boolean {
  const listed = new Set(list.pages.flatMap(({ jobs }) => jobs.map(({ id }) => id)));
  const last = list.pages.at(-1);
  // Older jobs than those that were asked for are on a page that nobody has opened.
  const oldest = last?.next ? (last.jobs.at(-1)?.createdAt ?? 0) : 0;
  return [...changes.values()].some((job) => {
    const fits = (!state || job.state === state) && (!kind || job.kind === kind);
    return listed.has(job.id) ? !fits : fits && job.createdAt > oldest;
  });
}
