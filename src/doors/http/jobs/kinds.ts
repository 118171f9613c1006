// The kinds of jobs over HTTP: what there is of each, paused and let go on.

import type { Jobs } from "../../../domain/jobs/jobs.ts";
import type { KindState } from "../../../ports/queue-state.ts";
import { type KindEntry, KindList, PauseBody } from "../../../wire/api.ts";
import { ROUTES } from "../../../wire/routes.ts";
import { readJson } from "../body.ts";
import type { Route } from "../route.ts";

export function kindsRoutes(jobs: Jobs): Route[] {
  const list = async () => Response.json({ kinds: (await jobs.kinds()).map(kindEntry) });
  const pausing = (path: string, isPaused: boolean, summary: string): Route => ({
    method: "POST",
    path,
    summary,
    body: PauseBody,
    answer: KindList,
    handle: async (request) => {
      const { kind } = await readJson(request, PauseBody);
      await jobs.pause(kind, isPaused);
      return list();
    },
  });
  return [
    {
      method: "GET",
      path: ROUTES.kinds,
      summary: "The kinds of jobs, with their counts by state, and whether they are paused.",
      answer: KindList,
      handle: list,
    },
    pausing(ROUTES.kindsPause, true, "Begins no more jobs of a kind, or of any; those that run go on."),
    pausing(ROUTES.kindsResume, false, "Begins jobs of a kind, or of any, again."),
  ];
}

export function kindEntry({ kind, isPaused, jobs }: KindState): KindEntry {
  return { kind, paused: isPaused, jobs: { ...jobs } };
}
