// What is answered instead of a file's bytes, where its plan sends none of them.

import { contentRange } from "../../../wire/byte-ranges.ts";
import { Fault } from "../../../wire/faults.ts";
import { STATUS } from "../statuses.ts";
import type { DownloadPlan, Representation } from "./plan.ts";

type Reason = Extract<DownloadPlan, { readonly send: "nothing" }>["reason"];

const NOT_MODIFIED = 304;

/** `headers`: of the answer with the bytes. Fault `precondition` when If-Match or If-Unmodified-Since does not hold. */
export function refuseDownload(
  reason: Reason,
  request: Request,
  { etag, size }: Representation,
  headers: Headers,
): Response {
  switch (reason) {
    case "not-modified":
      return new Response(null, { status: NOT_MODIFIED, headers });
    case "precondition":
      throw new Fault("precondition", `the file has the ETag ${etag}, which does not match`);
    case "range":
      return refuseRange(request, size);
  }
}

function refuseRange(request: Request, size: number): Response {
  const message = `the range ${JSON.stringify(request.headers.get("range"))} lies outside the ${size} bytes`;
  const headers = { "content-range": contentRange(undefined, size), "accept-ranges": "bytes" };
  return Response.json({ error: { code: "range", message } }, { status: STATUS.range, headers });
}
