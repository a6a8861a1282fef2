import { problem } from "../../model/problem.ts";
import { mayChange } from "../changes.ts";
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

function describe(call: Call): Response {
  const { pipeline, search, config, changes, role } = call;
  refuseQuery(search);
  const { id, epoch, capabilities } = pipeline.journal;
  const health = pipeline.journal.health();
  const version = pipeline.state === "running" ? (changes?.version ?? null) : null;
  const answer = {
    name: pipeline.name,
    state: pipeline.state,
    version,
    managedBy: changes?.managedBy ?? null,
    mayChange: role() === "admin" && mayChange(call),
    journal: { id, epoch, durable: capabilities.durable, healthy: health.ok },
    openRuns: pipeline.journal.openRuns(),
    config: changes?.config() ?? config ?? null,
    role: role(),
  };
  const response = json(answer);
  if (version !== null) response.headers.set("etag", `"${version}"`);
  return response;
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

export const pipelineRoutes: readonly Route[] = [
  { method: "GET", path: "/healthz", role: "anyone", handle: liveness },
  { method: "GET", path: "/readyz", role: "anyone", handle: readiness },
  { method: "GET", path: "/metrics", role: "viewer", handle: metrics },
  { method: "GET", path: "/api/v1/openapi.json", role: "viewer", handle: openapi },
  { method: "GET", path: "/api/v1/pipeline", role: "viewer", handle: describe },
  { method: "GET", path: "/api/v1/graph", role: "viewer", handle: graph },
];
