// The OpenAPI document, made from the same routes and schemas that serve the requests.

import { z } from "zod";
import type { Route } from "../route.ts";

/** An OpenAPI 3.1 document of `routes`. */
export function describeRoutes(routes: readonly Route[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    const operations = paths[path] ?? {};
    operations[route.method.toLowerCase()] = describeRoute(route);
    paths[path] = operations;
  }
  return { openapi: "3.1.0", info: { title: "Cairn", version }, paths };
}

function describeRoute(route: Route): unknown {
  const parameters = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    summary: route.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: { required: true, content: jsonOf(route.body, "input") } }),
    responses: {
      "2XX": { description: "success", ...(route.answer && { content: jsonOf(route.answer, "output") }) },
      default: { description: "a fault, in the words of the route's protocol" },
    },
  };
}

function jsonOf(schema: z.ZodType, io: "input" | "output"): unknown {
  return { "application/json": { schema: z.toJSONSchema(schema, { io, unrepresentable: "any" }) } };
}
