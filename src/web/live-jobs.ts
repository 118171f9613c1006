// Changes of jobs as the server tells of them by server-sent events. While that stream is open, jobs need hardly any polling.

import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { JobEntry, JobPage } from "../wire/api.ts";
import { ROUTES } from "../wire/routes.ts";
import { isOutdated, type JobFilter, withChanges } from "./job-changes.ts";
import { withQuery } from "./requests.ts";

/** As many as a list asks for at first. */
const WATCHED = "100";
/** Changes that come together are drawn together. */
const GATHER_MS = 50;
/** Between two requests for lists that have become outdated. */
const REFRESH_MS = 1000;
/** A stream that was refused is asked for again; the browser does that by itself for one that broke. */
const RETRY_MS = 5000;

let live: LiveJobs | undefined;

/** Keeps the stream open while a component that shows jobs is on the page. */
export function useLiveJobs(): void {
  const client = useQueryClient();
  useEffect(() => {
    live ??= new LiveJobs(client);
    return live.join();
  }, [client]);
}

/** Whether changes of jobs come by themselves now. */
export function areJobsLive(): boolean {
  return live?.isOpen ?? false;
}

class LiveJobs {
  isOpen = false;
  readonly #client: QueryClient;
  #users = 0;
  #source: EventSource | undefined;
  readonly #changes = new Map<string, JobEntry>();
  #flushing: Timer | undefined;
  #refreshing: Timer | undefined;
  #refreshedAt = 0;

  constructor(client: QueryClient) {
    this.#client = client;
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  /** Returns what ends the use. */
  join(): () => void {
    this.#users++;
    this.#follow();
    return () => {
      this.#users--;
      this.#follow();
    };
  }

  /** A hidden page has no stream: browsers open only six connections to a server, for all their pages together. */
  #follow(): void {
    const isWanted = this.#users > 0 && !document.hidden;
    if (isWanted && !this.#source) this.#open();
    if (!isWanted && this.#source) this.#close();
  }

  #open(): void {
    const source = new EventSource(withQuery(ROUTES.jobsEvents, { limit: WATCHED }));
    this.#source = source;
    source.addEventListener("open", () => this.#turn(true));
    source.addEventListener("job", ({ data }) => this.#take(JSON.parse(data) as JobEntry));
    source.addEventListener("error", () => {
      this.#turn(false);
      if (source.readyState !== EventSource.CLOSED || this.#source !== source) return;
      this.#source = undefined;
      setTimeout(() => this.#follow(), RETRY_MS);
    });
  }

  #close(): void {
    this.#source?.close();
    this.#source = undefined;
    this.isOpen = false;
  }

  /** What is on the page is asked for once, so that it is polled again from now on, or no more. */
  #turn(isOpen: boolean): void {
    if (this.isOpen === isOpen) return;
    this.isOpen = isOpen;
    this.#refresh();
  }

  #take(job: JobEntry): void {
    this.#changes.set(job.id, job);
    this.#flushing ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush(): void {
    this.#flushing = undefined;
    const changes = new Map(this.#changes);
    this.#changes.clear();
    for (const [id, job] of changes) {
      // Changes come without the log: where it is shown, it is asked for.
      this.#client.setQueryData<JobEntry>(["job", id], (known) => known && { ...job, log: known.log });
      void this.#client.invalidateQueries({ queryKey: ["job", id] });
    }
    const lists = this.#client.getQueriesData<InfiniteData<JobPage>>({ queryKey: ["jobs"] });
    for (const [key, list] of lists) {
      if (!list) continue;
      this.#client.setQueryData(key, withChanges(list, changes));
      if (!isOutdated(key[1] as JobFilter, list, changes)) continue;
      const wait = this.#refreshedAt + REFRESH_MS - Date.now();
      this.#refreshing ??= setTimeout(() => this.#refresh(), Math.max(0, wait));
    }
  }

  #refresh(): void {
    clearTimeout(this.#refreshing);
    this.#refreshing = undefined;
    this.#refreshedAt = Date.now();
    for (const name of ["jobs", "job", "status", "workers"]) {
      void this.#client.invalidateQueries({ queryKey: [name] });
    }
  }
}

type Timer = ReturnType<typeof setTimeout>;
