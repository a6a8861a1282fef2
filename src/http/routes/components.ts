import { readSendingRun } from "../../model/cause-headers.ts";
import { DELIVERY_ID_RULE, isDeliveryId } from "../../model/delivery-id.ts";
import type { Cause, EventInit } from "../../model/event.ts";
import { isTraceparent } from "../../model/traceparent.ts";
import { readObject, readOptionalObject, refuseUnknownKeys } from "../body.ts";
import { badRequest } from "../problem.ts";
import { refuseQuery } from "../query.ts";
import { findByName, json, list, requireOpen, type Call, type Route } from "../route.ts";

const EVENT_KEYS = ["location", "operation", "id", "uid", "time", "key", "data", "headers"] as const;

function listInputs({ pipeline, search }: Call): Response {
  refuseQuery(search);
  requireOpen(pipeline);
  return list(pipeline.inputs());
}

async function listProcesses({ pipeline, search }: Call): Promise<Response> {
  refuseQuery(search);
  return list(await pipeline.processes());
}

/** Takes an event in the name of an input: 202 once it is durable, 200 for one that was taken before. */
async function emit({ pipeline, request, search, param }: Call): Promise<Response> {
  refuseQuery(search);
  requireOpen(pipeline);
  const { name } = findByName(pipeline.inputs(), param("name"), "input");
  const { trigger, ...event } = await readObject(request);
  if (trigger !== undefined && trigger !== name) {
    throw badRequest(`the event's trigger must be ${JSON.stringify(name)}, the input that it is sent to`);
  }
  refuseUnknownKeys(event, EVENT_KEYS, "an event");
  const dedupe = readIdempotencyKey(request);
  const cause = readCause(request);
  const receipt = await pipeline.emit(
    name,
    { ...(event as EventInit), ...(cause && { cause }) },
    dedupe === undefined ? {} : { dedupe },
  );
  if (receipt.filtered === true) return json({ filtered: true });
  return receipt.duplicate ? json({ uid: receipt.uid, duplicate: true }) : json({ uid: receipt.uid }, 202);
}

function readIdempotencyKey(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key");
  if (key === null || isDeliveryId(key)) return key ?? undefined;
  throw badRequest(`the Idempotency-Key must be ${DELIVERY_ID_RULE}`);
}

/** What caused the event, as a run hands it to the children that it starts and the servers that it calls. */
function readCause(request: Request): Cause | undefined {
  const sender = readSendingRun(request.headers);
  const traceparent = request.headers.get("traceparent");
  if (traceparent === null || !isTraceparent(traceparent)) return sender;
  return { ...(sender ?? { runs: [], hops: 0 }), traceparent };
}

type InputAction = "pause" | "resume" | "restart";

function onInput(action: InputAction): Route["handle"] {
  return async ({ pipeline, request, search, param }) => {
    refuseQuery(search);
    await refuseBody(request);
    requireOpen(pipeline);
    const { name } = findByName(pipeline.inputs(), param("name"), "input");
    await pipeline[action](name);
    return json(findByName(pipeline.inputs(), name, "input"));
  };
}

function onProcess(action: "pause" | "resume"): Route["handle"] {
  return async ({ pipeline, request, search, param }) => {
    refuseQuery(search);
    await refuseBody(request);
    const { name } = findByName(await pipeline.processes(), param("name"), "process");
    await pipeline[action](name);
    return json(findByName(await pipeline.processes(), name, "process"));
  };
}

async function refuseBody(request: Request): Promise<void> {
  refuseUnknownKeys(await readOptionalObject(request), [], "this request");
}

export const componentRoutes: readonly Route[] = [
  { method: "GET", path: "/api/v1/inputs", role: "viewer", handle: listInputs },
  { method: "POST", path: "/api/v1/inputs/:name/events", role: "operator", handle: emit },
  { method: "POST", path: "/api/v1/inputs/:name/pause", role: "operator", handle: onInput("pause") },
  { method: "POST", path: "/api/v1/inputs/:name/resume", role: "operator", handle: onInput("resume") },
  { method: "POST", path: "/api/v1/inputs/:name/restart", role: "operator", handle: onInput("restart") },
  { method: "GET", path: "/api/v1/processes", role: "viewer", handle: listProcesses },
  { method: "POST", path: "/api/v1/processes/:name/pause", role: "operator", handle: onProcess("pause") },
  { method: "POST", path: "/api/v1/processes/:name/resume", role: "operator", handle: onProcess("resume") },
];
