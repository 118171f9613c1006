// Which ended jobs the queue forgets: those that are too old, those beyond the number that is kept, and those it is told to.

import type { Database } from "bun:sqlite";
import type { Job } from "../../../ports/queue.ts";
import { type JobRow, jobOf } from "./schema.ts";

/** Within a transaction of the caller. The oldest go first, so both rules take from the same end. */
export function pruneJobs(db: Database, at: number, keep: number, limit: number): readonly Job[] {
  const ended = db
    .query<{ jobs: number }, []>(
      "SELECT sum(jobs) AS jobs FROM counts WHERE state IN ('succeeded', 'failed', 'cancelled')",
    )
    .get();
  const excess = Math.max(0, Math.min(limit, (ended?.jobs ?? 0) - keep));
  return db
    .query<JobRow, Record<string, number>>(
      `DELETE FROM jobs WHERE seq IN (
         SELECT seq FROM (SELECT seq FROM jobs WHERE finished_at <= $at ORDER BY finished_at, seq LIMIT $limit)
         UNION
         SELECT seq FROM (SELECT seq FROM jobs WHERE finished_at IS NOT NULL ORDER BY finished_at, seq LIMIT $excess)
       ) RETURNING *`,
    )
    .all({ at, limit, excess })
    .map(jobOf);
}

/** Within a transaction of the caller. */
export function removeJobs(db: Database, ids: readonly string[]): readonly Job[] {
  return db
    .query<JobRow, Record<string, string>>(
      "DELETE FROM jobs WHERE id IN (SELECT value FROM json_each($ids)) AND finished_at IS NOT NULL RETURNING *",
    )
    .all({ ids: JSON.stringify(ids) })
    .map(jobOf);
}
