// The service's own routes: status for the dashboard, health for orchestrators, metrics, and the OpenAPI document.

import { Status, type WorkerEntry, WorkerList } from "../../../wire/api.ts";
import { ROUTES } from "../../../wire/routes.ts";
import type { Route } from "../route.ts";
import { describeRoutes } from "./openapi.ts";

export interface ServiceSource {
  readonly version: string;
  status(): Promise<Status>;
  /** Those that are alive, the oldest first. */
  workers(): Promise<readonly WorkerEntry[]>;
  /** In Prometheus's text format, with its content type. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** `documented`: the routes that the OpenAPI document describes. */
export function serviceRoutes(source: ServiceSource, documented: readonly Route[]): Route[] {
  const routes: Route[] = [
    {
      method: "GET",
      path: ROUTES.status,
      summary: "What the service is doing: counts, workers, disk.",
      answer: Status,
      handle: async () => Response.json(await source.status()),
    },
    {
      method: "GET",
      path: ROUTES.workers,
      summary: "The workers that are alive, whoever started them, and what each works on.",
      answer: WorkerList,
      handle: async () => Response.json({ workers: await source.workers() }),
    },
    {
      method: "GET",
      path: ROUTES.health,
      summary: "200 while the service can read and count what it stores.",
      open: true,
      handle: async () => {
        await source.status();
        return new Response("ok\n");
      },
    },
    {
      method: "GET",
      path: ROUTES.metrics,
      summary: "Figures in Prometheus's text format.",
      handle: async () => {
        const { text, contentType } = await source.metrics();
        return new Response(text, { headers: { "content-type": contentType } });
      },
    },
    {
      method: "GET",
      path: ROUTES.openapi,
      summary: "This document.",
      handle: () => Response.json(describeRoutes([...documented, ...routes], source.version)),
    },
  ];
  return routes;
}
