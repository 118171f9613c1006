// The query of our paged lists: ?limit=, ?after=, ?order=, ?prefix=, ?state=, ?sha256=.

import { z } from "zod";
import type { PageQuery } from "../../ports/records.ts";
import { parseWith } from "./body.ts";
import { queryOf } from "./target.ts";

const PageParameters = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(16_384).optional(),
  order: z.enum(["newest", "name"]).optional(),
  prefix: z.string().max(1024).optional(),
  state: z.enum(["arriving", "finished", "failed"]).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

/** The query of `request`, or a Fault `invalid` that names what is wrong with it. */
export function readPageQuery(request: Request): PageQuery {
  const query = parseWith(PageParameters, queryOf(request.url), "the query");
  // Absent parameters must stay absent: `exactOptionalPropertyTypes`.
  return JSON.parse(JSON.stringify(query)) as PageQuery;
}
