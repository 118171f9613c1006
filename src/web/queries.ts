// What the dashboard asks the server for, and how often. Polling stops while the page is hidden.

import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import type {
  FileEntry,
  FilePage,
  JobEntry,
  JobPage,
  KeyPage,
  KeyPreview,
  Status,
  UploadPage,
  WorkerList,
} from "../wire/api.ts";
import { pathTo, ROUTES } from "../wire/routes.ts";
import { areJobsLive, useLiveJobs } from "./live-jobs.ts";
import { fetchJson, withQuery } from "./requests.ts";

const OFTEN = 1000;
const SELDOM = 4000;
/** Of jobs whose changes come by themselves: their files may still expire. */
const HARDLY = 15_000;

export function useStatus() {
  return useQuery({
    queryKey: ["status"],
    queryFn: ({ signal }) => fetchJson<Status>(ROUTES.status, { signal }),
    refetchInterval: OFTEN * 2,
  });
}

export function useWorkers() {
  return useQuery({
    queryKey: ["workers"],
    queryFn: ({ signal }) => fetchJson<WorkerList>(ROUTES.workers, { signal }),
    refetchInterval: OFTEN * 2,
  });
}

/** Keys in byte order; `prefix` percent-encoded. */
export function useKeys(prefix: string, limit: number) {
  return usePages<KeyPage>(["keys", prefix, limit], SELDOM, (after, signal) =>
    fetchJson(
      `${ROUTES.keys}?limit=${limit}&prefix=${prefix}${after && `&after=${encodeURIComponent(after)}`}`,
      { signal },
    ),
  );
}

/** `key` as the list gave it: percent-encoded already. */
export function usePreview(key: string) {
  return useQuery({
    queryKey: ["preview", key],
    queryFn: ({ signal }) => fetchJson<KeyPreview>(`${ROUTES.valuePreview}?key=${key}`, { signal }),
    refetchInterval: SELDOM,
  });
}

export function useUploads(query: Readonly<Record<string, string>>) {
  return usePages<UploadPage>(["uploads", query], OFTEN, (after, signal) =>
    fetchJson(withQuery(ROUTES.uploads, { ...query, after }), { signal }),
  );
}

export function useFiles(query: Readonly<Record<string, string>>) {
  return usePages<FilePage>(["files", query], SELDOM, (after, signal) =>
    fetchJson(withQuery(ROUTES.files, { ...query, after }), { signal }),
  );
}

export function useJobs(query: Readonly<Record<string, string>>) {
  useLiveJobs();
  return usePages<JobPage>(
    ["jobs", query],
    () => (areJobsLive() ? HARDLY : OFTEN),
    (after, signal) => fetchJson(withQuery(ROUTES.jobs, { ...query, after }), { signal }),
  );
}

/** One job, until it has ended. */
export function useJob(id: string) {
  useLiveJobs();
  return useQuery({
    queryKey: ["job", id],
    queryFn: ({ signal }) => fetchJson<JobEntry>(pathTo(ROUTES.job, { id }), { signal }),
    refetchInterval: ({ state }) => {
      if (state.data && state.data.finishedAt !== null) return false;
      // The stream tells of the newest jobs only; this one may be old.
      return areJobsLive() ? SELDOM : OFTEN / 2;
    },
  });
}

export function useFile(id: string) {
  return useQuery({
    queryKey: ["file", id],
    queryFn: ({ signal }) => fetchJson<FileEntry>(pathTo(ROUTES.fileRecord, { id }), { signal }),
  });
}

/** A request that changes something; every list is asked for anew afterwards. */
export function useChange<T>(change: (input: T) => Promise<unknown>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: change, onSettled: () => client.invalidateQueries() });
}

/** Pages by cursor. They are refreshed while only the first is loaded: nobody who reads on wants rows to move. */
function usePages<P extends { readonly next: string | null }>(
  queryKey: readonly unknown[],
  interval: number | (() => number),
  fetchPage: (after: string, signal: AbortSignal) => Promise<P>,
) {
  return useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    refetchInterval: ({ state }) => {
      if ((state.data?.pages.length ?? 0) > 1) return false;
      return typeof interval === "number" ? interval : interval();
    },
    refetchOnWindowFocus: ({ state }) => (state.data?.pages.length ?? 0) <= 1,
    placeholderData: keepPreviousData,
  });
}
