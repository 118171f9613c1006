// Lists the queue's jobs by any filter, a bounded stretch of rows at a time.

import type { Database } from "bun:sqlite";
import type { JobFilter, JobPage } from "../../../ports/queue.ts";
import { Fault } from "../../../wire/faults.ts";
import { explain } from "../database.ts";
import { type JobRow, jobOf } from "./schema.ts";

/** All but the log, which may have 200 KB. */
const LISTED = `seq, id, kind, state, priority, run_at, attempts, max_attempts, idempotency_key, cancel_requested, webhook,
  worker, token, lease_expires_at, created_at, started_at, finished_at, input, progress, error, result, '[]' AS log`;
/** Rows looked at in one go: a search through a million jobs stalls the event loop for no more than some ms. */
const STRIDE = 20_000;

/** Newest first. The cursor is the `seq` of the last job shown. */
export async function pageOfJobs(db: Database, path: string, filter: JobFilter): Promise<JobPage> {
  const found: JobRow[] = [];
  let before = seqOf(filter.after);
  for (;;) {
    const stretch = read(path, () => nextStretch(db, filter, before, filter.limit + 1 - found.length));
    if (!stretch) return { jobs: found.map(jobOf), next: null };
    found.push(...stretch.rows);
    if (found.length > filter.limit) {
      const shown = found.slice(0, filter.limit);
      return { jobs: shown.map(jobOf), next: String(shown.at(-1)?.seq ?? 0) };
    }
    before = stretch.bottom + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The matching ones of the next rows below `before`; undefined when there are no more rows. */
function nextStretch(
  db: Database,
  filter: JobFilter,
  before: number,
  limit: number,
): { readonly rows: readonly JobRow[]; readonly bottom: number } | undefined {
  const top = db
    .query<{ top: number | null }, { before: number }>("SELECT max(seq) AS top FROM jobs WHERE seq < $before")
    .get({ before })?.top;
  if (top === null || top === undefined) return undefined;
  const bottom = top - STRIDE;
  const { terms, values } = conditionsOf(filter);
  const rows = db
    .query<JobRow, Record<string, string | number>>(
      `SELECT ${LISTED} FROM jobs WHERE ${["seq <= $top", "seq > $bottom", ...terms].join(" AND ")}
       ORDER BY seq DESC LIMIT $limit`,
    )
    .all({ top, bottom, limit, ...values });
  return { rows, bottom };
}

function conditionsOf({ state, kind, since, until, text }: JobFilter): {
  readonly terms: readonly string[];
  readonly values: Readonly<Record<string, string | number>>;
} {
  const conditions = [
    ["state", "state = $state", state],
    ["kind", "kind = $kind", kind],
    ["since", "created_at >= $since", since],
    ["until", "created_at < $until", until],
    ["text", "(instr(lower(id), $text) OR instr(lower(input), $text))", text?.toLowerCase()],
  ] as const;
  const asked = conditions.flatMap(([name, term, value]) =>
    value === undefined ? [] : [{ name, term, value }],
  );
  return {
    terms: asked.map(({ term }) => term),
    values: Object.fromEntries(asked.map(({ name, value }) => [name, value])),
  };
}

function seqOf(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new Fault("invalid", `${JSON.stringify(cursor)} is not a cursor of a job listing`);
}

function read<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explain(error, path);
  }
}
