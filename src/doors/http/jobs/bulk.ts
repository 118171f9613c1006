// Many jobs at once over HTTP: retried, cancelled or deleted, by ids or by a filter that names a state.

import type { BulkAction, Selection } from "../../../domain/jobs/bulk.ts";
import type { Jobs } from "../../../domain/jobs/jobs.ts";
import { BulkAnswer, BulkBody } from "../../../wire/api.ts";
import { ROUTES } from "../../../wire/routes.ts";
import { readJson } from "../body.ts";
import type { Route } from "../route.ts";

const ACTIONS: readonly { readonly path: string; readonly action: BulkAction; readonly summary: string }[] = [
  {
    path: ROUTES.jobsRetry,
    action: "retry",
    summary: "Puts all failed or cancelled jobs that are selected back into the queue.",
  },
  {
    path: ROUTES.jobsCancel,
    action: "cancel",
    summary: "Cancels all queued or running jobs that are selected.",
  },
  {
    path: ROUTES.jobsDelete,
    action: "remove",
    summary: "Deletes all ended jobs that are selected, with their results.",
  },
];

export function bulkRoutes(jobs: Jobs): Route[] {
  return ACTIONS.map(({ path, action, summary }) => ({
    method: "POST",
    path,
    summary,
    body: BulkBody,
    answer: BulkAnswer,
    handle: async (request) => {
      const selection = selectionOf(await readJson(request, BulkBody));
      return Response.json({ jobs: await jobs.changeAll(action, selection, request.signal) });
    },
  }));
}

/** Absent members must stay absent: `exactOptionalPropertyTypes`. */
function selectionOf({ dryRun = false, ...rest }: BulkBody): Selection {
  return { ...(JSON.parse(JSON.stringify(rest)) as Selection), isTrial: dryRun };
}
