// Which ended jobs the queue forgets: those that are too old, and those beyond the number that is kept.

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
