// The HTTP door: one table of routes, served on every HTTP port, with errors in each protocol's own words.

import type { BunRequest } from "bun";
import type { Credentials } from "../../domain/access/credentials.ts";
import type { Log } from "../../ports/log.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { admit, CHALLENGE } from "./access.ts";
import { codingOf, refuseCoded } from "./body.ts";
import { type HostCheck, hostCheck } from "./hosts.ts";
import type { FaultBody, HttpServer, Route } from "./route.ts";
import { Running } from "./running.ts";
import { isCrossSite } from "./sites.ts";
import { STATUS } from "./statuses.ts";
import { pathOf } from "./target.ts";

export interface HttpDoorOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  readonly routes: readonly Route[];
  /** Seconds without a byte in either direction before a connection is closed. */
  readonly idleTimeout: number;
  /** Asked for every request, since they may change. Absent, or none at the moment: nobody is asked for a password. */
  readonly credentials?: () => Credentials | undefined;
  /** Names that this server may be asked for while it asks for no password; see `hostCheck`. Default: none but local ones. */
  readonly allowedHosts?: readonly string[];
  readonly log: Log;
}

/** An open port; disposing it cuts off what is under way. */
export interface HttpDoor extends AsyncDisposable {
  /** The real one. */
  readonly port: number;
  /**
   * Takes no more requests, and lets those under way end; `now`: cuts them off, and what came of an upload is kept. Resolves
   * when no handler is at work any more. Then the store may be closed.
   */
  stop(now?: boolean): Promise<void>;
}

/** When to ask again after `busy`. */
const RETRY_SECONDS = "1";

type Handler = (request: BunRequest<string>, server: HttpServer) => Response | Promise<Response>;
type Methods = Record<string, Handler>;
type Guards = HttpDoorOptions & { readonly checkHost: HostCheck };

/** Faults: `conflict` if the port is taken, `forbidden` if it may not be used. */
export function openHttpDoor(options: HttpDoorOptions): HttpDoor {
  const running = new Running();
  try {
    const server = listen(options, running);
    const stop = async (now?: boolean) => {
      await server.stop(now);
      await running.none();
    };
    return { port: server.port ?? options.port, stop, [Symbol.asyncDispose]: () => stop(true) };
  } catch (error) {
    throw explainListen(error, options);
  }
}

function listen(options: HttpDoorOptions, running: Running): HttpServer {
  return Bun.serve({
    hostname: options.hostname,
    port: options.port,
    idleTimeout: options.idleTimeout,
    // Every handler bounds its own body; uploads stream and have no bound but the disk.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    // Outside development Bun shares the port with whoever else binds it; two servers would answer in turn.
    reusePort: false,
    routes: tableOf(options, running),
    fetch: (request) => answerUnknown(request),
    error: (error) => answerFault(toFault(error), plainBody),
  });
}

/** Bun's native routes: path → method → handler. HEAD follows GET, OPTIONS and wrong methods are answered. */
function tableOf(options: HttpDoorOptions, running: Running): Record<string, Handler> {
  const checkHost = hostCheck(options.allowedHosts ?? []);
  const byPath = new Map<string, Methods>();
  const crossOrigin = new Set<string>();
  for (const route of options.routes) {
    const methods = byPath.get(route.path) ?? {};
    methods[route.method] = guarded(route, { ...options, checkHost }, running);
    if (route.method === "GET") methods.HEAD ??= methods.GET as Handler;
    if (route.crossOrigin) crossOrigin.add(route.path);
    byPath.set(route.path, methods);
  }
  return Object.fromEntries(
    [...byPath].map(([path, methods]) => [path, dispatch(methods, crossOrigin.has(path))]),
  );
}

/** The answer to a fault in a protocol's words. */
export function answerFault(fault: Fault, body: FaultBody): Response {
  const status = STATUS[fault.code];
  return Response.json(body(fault, status), { status });
}

/** The wording of errors outside the protocols that have their own. */
export function plainBody(fault: Fault): unknown {
  const { code, message, hint, details } = fault;
  return { error: { code, message, ...(hint && { hint }), ...(details && { details }) } };
}

function explainListen(error: unknown, { hostname, port }: HttpDoorOptions): Fault {
  const fault = toFault(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const where = `port ${port} on ${hostname}`;
  if (code === "EADDRINUSE") {
    const hint = "Stop the program that listens there, or choose another port.";
    return new Fault("conflict", `${where} is in use`, { hint, cause: error });
  }
  if (code === "EACCES" || code === "EPERM") {
    const hint = "Ports below 1024 need rights that this user lacks; choose another.";
    return new Fault("forbidden", `${where} may not be used`, { hint, cause: error });
  }
  return new Fault(fault.code, `cannot listen on ${where}: ${fault.message}`, { cause: error });
}

function dispatch(methods: Methods, crossOrigin: boolean): Handler {
  const allow = [...new Set([...Object.keys(methods), "OPTIONS"])].join(", ");
  return (request, server) => {
    const handler = methods[request.method];
    if (request.method === "OPTIONS") return answerOptions({ request, server, handler, allow, crossOrigin });
    if (handler) return handler(request, server);
    const message = `${request.method} is not allowed here; allowed: ${allow}`;
    return Response.json({ error: { code: "invalid", message } }, { status: 405, headers: { allow } });
  };
}

function guarded(route: Route, { credentials, checkHost, log }: Guards, running: Running): Handler {
  const body = route.faultBody ?? plainBody;
  const headers = Object.entries(route.headers ?? {});
  // A browser asks by OPTIONS whether it may send a password, before it sends one.
  const isOpen = route.open || route.method === "OPTIONS";
  return async (request, server) => {
    let response: Response;
    running.begin();
    try {
      const users = isOpen ? undefined : credentials?.();
      if (users) await admit(request, server, users, log);
      // A browser has no password for a name that was pointed here. What any page may use is not worth the trick.
      else if (!isOpen && !route.crossOrigin) checkHost(request);
      if (!route.crossOrigin && isCrossSite(request)) {
        response = refuseCrossSite();
      } else {
        refuseCoded(request);
        response = await route.handle(request, server);
      }
    } catch (error) {
      const fault = toFault(error);
      // A client that went away gets no answer; only what is ours to mend is worth an operator's eye.
      if (STATUS[fault.code] === 500) {
        log.error("request.failed", {
          method: request.method,
          path: route.path,
          error: fault,
          cause: fault.cause,
        });
      }
      response = answerFault(fault, body);
      if (fault.code === "busy") response.headers.set("retry-after", RETRY_SECONDS);
      if (fault.code === "unauthenticated") response.headers.set("www-authenticate", CHALLENGE);
      if (fault.code === "unsupported-media" && codingOf(request) !== undefined) {
        response.headers.set("accept-encoding", "identity");
      }
    } finally {
      running.end();
    }
    for (const [name, value] of headers) response.headers.set(name, value);
    if (route.crossOrigin && request.headers.has("origin")) allowOrigin(response);
    return response;
  };
}

interface OptionsRequest {
  readonly request: BunRequest<string>;
  readonly server: HttpServer;
  /** The route's own, which answers what it can do. */
  readonly handler: Handler | undefined;
  readonly allow: string;
  readonly crossOrigin: boolean;
}

async function answerOptions({
  request,
  server,
  handler,
  allow,
  crossOrigin,
}: OptionsRequest): Promise<Response> {
  const response = (await handler?.(request, server)) ?? new Response(null, { status: 204 });
  response.headers.set("allow", allow);
  if (!crossOrigin) return response;
  allowOrigin(response);
  response.headers.set("access-control-allow-methods", allow);
  response.headers.set(
    "access-control-allow-headers",
    request.headers.get("access-control-request-headers") ?? "*",
  );
  response.headers.set("access-control-max-age", "86400");
  return response;
}

function allowOrigin(response: Response): void {
  response.headers.set("access-control-allow-origin", "*");
  response.headers.set("access-control-expose-headers", EXPOSED);
}

/** What pages of other origins may read. */
const EXPOSED = [
  "Accept-Ranges, Location, Content-Location, Content-Range, Content-Disposition, ETag, Repr-Digest, Retry-After",
  "Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Concat, Upload-Expires",
  "Upload-Complete, Upload-Limit, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm",
].join(", ");

function refuseCrossSite(): Response {
  const message = "this route does not answer pages of other sites";
  return Response.json({ error: { code: "forbidden", message } }, { status: 403 });
}

function answerUnknown(request: Request): Response {
  const message = `there is nothing at ${pathOf(request.url)}`;
  return Response.json({ error: { code: "not-found", message } }, { status: 404 });
}
