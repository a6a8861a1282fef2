import { SluiceError } from "../../model/errors.ts";
import { isUid } from "../../model/event.ts";
import { parseRunId, type RunRow } from "../../model/run.ts";
import type { RunOutcome } from "../../engine/handles.ts";
import { readObject, readOptionalObject, refuseUnknownKeys } from "../body.ts";
import { badRequest } from "../problem.ts";
import { readEventQuery, readPageQuery, readRunQuery, refuseQuery } from "../query.ts";
import { json, list, type Call, type Route } from "../route.ts";

async function listEvents({ pipeline, search }: Call): Promise<Response> {
  return json(await pipeline.history.events(readEventQuery(search)));
}

/** An event, its runs, and the events that those runs caused. */
async function showEvent({ pipeline, search, param }: Call): Promise<Response> {
  refuseQuery(search);
  const uid = param("uid").toLowerCase();
  const journey = isUid(uid) ? await pipeline.history.journey(uid) : undefined;
  if (journey === undefined)
    throw new SluiceError("EVENT_NOT_FOUND", `there is no event ${JSON.stringify(uid)}`);
  return json(journey);
}

async function listRuns({ pipeline, search }: Call): Promise<Response> {
  return json(await pipeline.history.runs(readRunQuery(search)));
}

async function showRun(call: Call): Promise<Response> {
  refuseQuery(call.search);
  return json(await findRun(call));
}

async function listAttempts(call: Call): Promise<Response> {
  refuseQuery(call.search);
  const { id } = await findRun(call);
  return list(await call.pipeline.history.attempts(id));
}

async function listLogs(call: Call): Promise<Response> {
  const query = readPageQuery(call.search);
  const { id } = await findRun(call);
  return json(await call.pipeline.history.logs(id, query));
}

async function listDeadLetters({ pipeline, search }: Call): Promise<Response> {
  refuseQuery(search);
  return list(await pipeline.history.deadLetters());
}

async function replayRun(call: Call): Promise<Response> {
  refuseQuery(call.search);
  const body = await readOptionalObject(call.request);
  refuseUnknownKeys(body, ["data"], "a replay");
  const id = runId(call);
  const [outcome] = await call.pipeline.replay([id], "data" in body ? { data: body["data"] } : {});
  return answer(id, outcome);
}

async function cancelRun(call: Call): Promise<Response> {
  refuseQuery(call.search);
  refuseUnknownKeys(await readOptionalObject(call.request), [], "a cancellation");
  const id = runId(call);
  const [outcome] = await call.pipeline.cancel([id]);
  return answer(id, outcome);
}

async function findRun(call: Call): Promise<RunRow> {
  const id = runId(call);
  const row = await call.pipeline.history.run(id);
  if (row === undefined) throw runNotFound(id);
  return row;
}

function runId({ param }: Call): string {
  const id = param("id");
  if (parseRunId(id) === undefined) throw runNotFound(id);
  return id;
}

function runNotFound(id: string): SluiceError {
  // Both are printed side by side, and taken for each other.
  const cure = isUid(id) ? `; that is the uid of an event, and a run's id is ${id}/PROCESS` : "";
  return new SluiceError("RUN_NOT_FOUND", `there is no run ${JSON.stringify(id)}${cure}`);
}

function answer(id: string, outcome: RunOutcome | undefined): Response {
  if (outcome?.ok === true) return json(outcome);
  if (outcome?.why === "state")
    throw new SluiceError("RUN_STATE", outcome.message ?? `run ${id} is in another state`);
  throw runNotFound(id);
}

async function forget({ pipeline, request, search }: Call): Promise<Response> {
  refuseQuery(search);
  const body = await readObject(request);
  refuseUnknownKeys(body, ["key"], "a wish to forget");
  const { key } = body;
  if (typeof key !== "string" || key === "") throw badRequest("say which key, such as orders/42");
  return json(await pipeline.forget(key));
}

export const recordRoutes: readonly Route[] = [
  { method: "GET", path: "/api/v1/events", role: "viewer", handle: listEvents },
  { method: "GET", path: "/api/v1/events/:uid", role: "viewer", handle: showEvent },
  { method: "GET", path: "/api/v1/runs", role: "viewer", handle: listRuns },
  { method: "GET", path: "/api/v1/runs/:id", role: "viewer", handle: showRun },
  { method: "GET", path: "/api/v1/runs/:id/attempts", role: "viewer", handle: listAttempts },
  { method: "GET", path: "/api/v1/runs/:id/logs", role: "viewer", handle: listLogs },
  { method: "POST", path: "/api/v1/runs/:id/replay", role: "operator", handle: replayRun },
  { method: "POST", path: "/api/v1/runs/:id/cancel", role: "operator", handle: cancelRun },
  { method: "POST", path: "/api/v1/forget", role: "admin", handle: forget },
  { method: "GET", path: "/api/v1/dead-letters", role: "viewer", handle: listDeadLetters },
];
