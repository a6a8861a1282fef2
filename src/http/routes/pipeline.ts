import { SluiceError } from "../../model/errors.ts";
import { problem } from "../../model/problem.ts";
import { notFound } from "../problem.ts";
import { refuseQuery } from "../query.ts";
import { json, type Call, type Route } from "../route.ts";

/** Says that this process lives, whatever its pipeline does. */
function liveness(): Response {
  return json({ status: "ok" });
}

/** Says whether events would be taken now. */
function readiness({ pipeline }: Call): Response {
  if (pipeline.state !== "running") return problem(503, "NOT_RUNNING", `the pipeline is ${pipeline.state}`);
  if (!pipeline.journal.health().ok)
    return problem(503, "JOURNAL_IO", "the journal cannot be written for now");
  return json({ status: "ready" });
}

function describe({ pipeline, search, config }: Call): Response {
  refuseQuery(search);
  const { id, epoch, capabilities } = pipeline.journal;
  const health = pipeline.journal.health();
  return json({
    name: pipeline.name,
    state: pipeline.state,
    journal: { id, epoch, durable: capabilities.durable, healthy: health.ok },
    openRuns: pipeline.journal.openRuns(),
    config: config ?? null,
  });
}

function graph({ pipeline, search }: Call): Response {
  refuseQuery(search);
  return json(pipeline.graph());
}

function openapi({ search, openapi: describeAll }: Call): Response {
  refuseQuery(search);
  return json(describeAll());
}

async function metrics({ metrics: source }: Call): Promise<Response> {
  if (source === undefined) throw notFound("nobody measures this pipeline");
  return new Response(await source.text(), { headers: { "content-type": source.contentType } });
}

function refuseChange(): never {
  throw new SluiceError(
    "FORBIDDEN",
    "the API may not change this pipeline; change its file and run it again",
  );
}

export const pipelineRoutes: readonly Route[] = [
  { method: "GET", path: "/healthz", role: "anyone", handle: liveness },
  { method: "GET", path: "/readyz", role: "anyone", handle: readiness },
  { method: "GET", path: "/metrics", role: "viewer", handle: metrics },
  { method: "GET", path: "/api/v1/openapi.json", role: "viewer", handle: openapi },
  { method: "GET", path: "/api/v1/pipeline", role: "viewer", handle: describe },
  { method: "PUT", path: "/api/v1/pipeline", role: "admin", handle: refuseChange },
  { method: "POST", path: "/api/v1/pipeline/plan", role: "admin", handle: refuseChange },
  { method: "GET", path: "/api/v1/graph", role: "viewer", handle: graph },
];
