import { z } from "zod";
import type { Route } from "../route.ts";
import { OPERATIONS_OF, type Operation } from "./operations.ts";
import { SCHEMAS, type SchemaName } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** The API as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0), from the routes and the schemas. */
export function describeApi(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const operation = OPERATIONS_OF[`${route.method} ${route.path}`];
    if (operation === undefined) continue;
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = describe(route, operation);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "sluice",
      version: "1",
      description: "See and steer a pipeline. Errors carry a `code` (RFC 9457).",
    },
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, schema]) => [name, z.toJSONSchema(schema, { io: "input" })]),
      ),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function describe({ path, role }: Route, { summary, query = {}, body, answers, type }: Operation): Json {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query).map(([name, description]) => ({
    name,
    in: "query",
    required: false,
    description,
    schema: { type: name === "limit" ? "integer" : "string" },
  }));
  return {
    summary,
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...(body && { requestBody: { content: content(body, "application/json") } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, schema]) => [
          status,
          { description: summary, content: content(schema, type ?? "application/json") },
        ]),
      ),
      default: { description: "An error", content: content("Problem", "application/problem+json") },
    },
    security: role === "anyone" ? [] : [{ token: [] }],
    "x-role": role,
  };
}

function content(schema: SchemaName, type: string): Json {
  return { [type]: { schema: { $ref: `#/components/schemas/${schema}` } } };
}
