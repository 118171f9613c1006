// Serves the built dashboard: one route per file, so that no path of a request ever touches the disk.

import type { Route } from "../route.ts";
import type { WebFile } from "./web-files.ts";

export interface DashboardOptions {
  /** From `findWebFiles`; empty when the dashboard has not been built. */
  readonly files: readonly WebFile[];
}

/** Scripts and data come from this server only; Mantine sets inline styles. */
const POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const SECURITY = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
};

export function dashboardRoutes({ files }: DashboardOptions): Route[] {
  if (!files.some((file) => file.path === "/")) return [unbuilt()];
  return files.map((file) => ({
    method: "GET",
    path: file.path,
    summary: file.path === "/" ? "The dashboard." : "A part of the dashboard.",
    // A link on another site may open the page: it holds no data, and what it asks for then is same-origin.
    crossOrigin: true,
    handle: (request) => answerFile(file, request),
  }));
}

/** Honours If-None-Match and the best encoding that the client takes. */
function answerFile(file: WebFile, request: Request): Response {
  const headers: Record<string, string> = {
    ...SECURITY,
    "content-type": file.type,
    "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    etag: file.etag,
    vary: "Accept-Encoding",
  };
  if (request.headers.get("if-none-match")?.includes(file.etag))
    return new Response(null, { status: 304, headers });
  const accepted = request.headers.get("accept-encoding") ?? "";
  if (file.brotli && takes(accepted, "br")) return encoded(file.brotli, "br", headers);
  if (file.gzip && takes(accepted, "gzip")) return encoded(file.gzip, "gzip", headers);
  return new Response(file.plain, { headers });
}

function encoded(content: Blob, encoding: string, headers: Record<string, string>): Response {
  return new Response(content, { headers: { ...headers, "content-encoding": encoding } });
}

/** Whether an Accept-Encoding names the encoding without refusing it by `q=0`. */
function takes(accepted: string, encoding: string): boolean {
  return accepted.split(",").some((part) => {
    const [name = "", ...params] = part.split(";").map((text) => text.trim().toLowerCase());
    return name === encoding && !params.some((param) => /^q=0(\.0*)?$/.test(param));
  });
}

function unbuilt(): Route {
  const text =
    "The dashboard has not been built: `npm run build` builds it, then start the server again.\n" +
    "Everything else works; /api/openapi.json describes the HTTP interface.\n";
  return {
    method: "GET",
    path: "/",
    summary: "The dashboard, once it has been built.",
    handle: () =>
      new Response(text, { headers: { ...SECURITY, "content-type": "text/plain; charset=utf-8" } }),
  };
}
