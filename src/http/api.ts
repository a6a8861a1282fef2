import { Hono, type Context, type MiddlewareHandler } from "hono";
import { SluiceError } from "../model/errors.ts";
import { createAccess, mayActAs, ownerAccess, type Access, type AccessOptions } from "./access.ts";
import { describeApi } from "./openapi/describe.ts";
import type { Page } from "./page.ts";
import { problem } from "../model/problem.ts";
import { notFound, problemOf } from "./problem.ts";
import type { ApiPipeline } from "./pipeline.ts";
import type { Call, MetricsSource, Route } from "./route.ts";
import type { ApiChanges } from "./changes.ts";
import { changeRoutes } from "./routes/changes.ts";
import { componentRoutes } from "./routes/components.ts";
import { pipelineRoutes } from "./routes/pipeline.ts";
import { recordRoutes } from "./routes/records.ts";
import { replayRoutes } from "./routes/replays.ts";
import { streamRoutes } from "./routes/stream.ts";
import { surveyRoutes } from "./routes/surveys.ts";
import { StreamHub } from "./stream/hub.ts";

export type FetchHandler = (request: Request) => Response | Promise<Response>;

export interface ApiOptions extends AccessOptions {
  /** The owner's socket: no Host, Origin and token rules. Defaults to `false`. */
  readonly owner?: boolean;
  /** The configuration as it may be shown, secrets masked. */
  readonly config?: unknown;
  /** How the pipeline becomes another one. Defaults to not at all. */
  readonly changes?: ApiChanges;
  /** Whether an admin may do that through the network, if its config file leaves it to the API. Defaults to `false`. */
  readonly allowsChanges?: boolean;
  /** Told of what went wrong inside, which answers do not say. Defaults to nothing. */
  readonly onError?: (error: unknown) => void;
  /** Takes secrets out of what the stream and failures inside tell. Defaults to leaving it as it is. */
  readonly redact?: (text: string) => string;
  /** What `/metrics` answers. Defaults to 404. */
  readonly metrics?: MetricsSource;
  /** Served at `/`. Defaults to no page. */
  readonly page?: Page;
}

export interface Api {
  readonly fetch: FetchHandler;
  /** Ends the live streams, which would go on for ever. */
  close(): void;
}

/** Every route, with who may call it: what tests walk through. */
export const routes: readonly Route[] = [
  ...pipelineRoutes,
  ...changeRoutes,
  ...componentRoutes,
  ...surveyRoutes,
  // Before those of one record: "replay" is none's id.
  ...replayRoutes,
  ...recordRoutes,
  ...streamRoutes,
];

/** Kept from caches, from other sites' pages and frames, and from being taken for anything but JSON. */
const SECURE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
};

/** The HTTP API of a pipeline, as a web-standard handler: mount it where you like, or `listen` to it. */
export function createApi(pipeline: ApiPipeline, options: ApiOptions = {}): Api {
  const access = options.owner === true ? ownerAccess : createAccess(options);
  const report = options.onError ?? (() => undefined);
  const app = new Hono();
  const { config, changes, allowsChanges = false, metrics, page, redact = (text) => text } = options;
  const stream = new StreamHub(pipeline, { redact });
  const isOwner = options.owner === true;
  const surroundings = {
    pipeline,
    isOwner,
    config,
    changes,
    allowsChanges,
    redact,
    metrics,
    stream,
    openapi,
  };

  app.use(async (context, next) => {
    access.checkSite(context.req.raw);
    const file = page?.answer(context.req.raw);
    return file ?? next();
  });
  for (const [path, methods] of byPath(routes)) {
    for (const route of methods) {
      app.on(route.method, path, requireRole(access, route.role), (context) =>
        route.handle(toCall(context, surroundings, access)),
      );
    }
    const open = methods.some((route) => route.role === "anyone");
    app.all(path, requireRole(access, open ? "anyone" : "viewer"), (context) =>
      refuseMethod(context, methods),
    );
  }
  app.all("*", requireRole(access, "viewer"), (context) => {
    throw notFound(`there is nothing at ${JSON.stringify(context.req.path)}`);
  });
  app.onError((error) => problemOf(error, report, redact));

  return {
    async fetch(request) {
      const response = await app.fetch(request);
      for (const [name, value] of Object.entries(SECURE_HEADERS)) {
        if (!response.headers.has(name)) response.headers.set(name, value);
      }
      return response;
    },
    close: () => stream.close(),
  };
}

function openapi(): unknown {
  return describeApi(routes);
}

function byPath(all: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  return Map.groupBy(all, (route) => route.path);
}

const TOKEN_OF = { viewer: "viewer_token", operator: "token", admin: "admin_token" } as const;

function requireRole(access: Access, role: Route["role"]): MiddlewareHandler {
  return async (context, next) => {
    if (role !== "anyone" && !mayActAs(access.grant(context.req.raw), role)) {
      throw new SluiceError(
        "FORBIDDEN",
        `this route is for the role ${role} only: send its token (${TOKEN_OF[role]} in [http])`,
      );
    }
    await next();
  };
}

type Surroundings = Omit<Call, "request" | "search" | "param" | "role">;

function toCall(context: Context, surroundings: Surroundings, access: Access): Call {
  const request = context.req.raw;
  return {
    ...surroundings,
    request,
    role: () => access.grant(request),
    search: new URL(request.url).searchParams,
    param: (name) => context.req.param(name) ?? "",
  };
}

function refuseMethod(context: Context, methods: readonly Route[]): Response {
  const allowed = methods.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
  const { method, path } = context.req;
  return problem(
    405,
    "METHOD_NOT_ALLOWED",
    `${method} is not for ${JSON.stringify(path)}, which takes ${allowed}`,
    {
      allow: allowed,
    },
  );
}
