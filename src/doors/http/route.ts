// What a route is: a method and a path, its documentation, and the handler that answers it.

import type { BunRequest, Server } from "bun";
import type { z } from "zod";
import type { Fault } from "../../wire/faults.ts";

export type HttpServer = Server<undefined>;

/** How a protocol words its errors; the status comes from the one table in statuses.ts. */
export type FaultBody = (fault: Fault, status: number) => unknown;

export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  /** As in Bun's routes: `/files/:id`; parameters arrive decoded in `request.params`. */
  readonly path: string;
  /** One sentence for the OpenAPI document. */
  readonly summary: string;
  /** The JSON body that it takes and the JSON that it answers, for the OpenAPI document. */
  readonly body?: z.ZodType;
  readonly answer?: z.ZodType;
  /**
   * Pages of other origins may call it. Only for the upload and download protocols, whose ids are secrets or
   * digests; the administrative routes refuse cross-site requests instead.
   */
  readonly crossOrigin?: boolean;
  /** Answers without a password too. */
  readonly open?: boolean;
  /** Sent with every answer of this route, errors too. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The protocol's own wording of errors; default `{"error": {code, message, hint, details}}`. */
  readonly faultBody?: FaultBody;
  /** Answers, or throws a Fault. */
  handle(request: BunRequest<string>, server: HttpServer): Response | Promise<Response>;
}
