import type { EventFilter, EventReplayRequest, ReplayFilter } from "../../engine/handles.ts";
import { parseRate } from "../../model/rate.ts";
import { readObject, refuseUnknownKeys, type JsonObject } from "../body.ts";
import { streamLines } from "../lines.ts";
import { badRequest } from "../problem.ts";
import { readTime } from "../../model/query-time.ts";
import { readOperation, readUid, refuseQuery } from "../query.ts";
import { findByName, json, requireOpen, type Call, type Route } from "../route.ts";

const REPLAYABLE = ["dead", "cancelled", "succeeded"] as const;

/** Runs by filter. At a rate it may take long: then it answers line by line. */
async function replayRuns(call: Call): Promise<Response> {
  const { pipeline, request, search } = call;
  refuseQuery(search);
  const body = await readObject(request);
  refuseUnknownKeys(body, ["filter", "dryRun", "rate"], "a replay");
  const filter = readRunFilter(body["filter"]);
  const options = { ...flags(body, ["dryRun"]), ...readRate(body) };
  if (options.rate === undefined) return json(await pipeline.replayAll(filter, options));
  return streamLines(call, (observer) => pipeline.replayAll(filter, options, observer));
}

/** Events of the past, to a process: line by line. */
async function replayEvents(call: Call): Promise<Response> {
  const { pipeline, request, search } = call;
  refuseQuery(search);
  const body = await readObject(request);
  const switches = ["dryRun", "again", "unlinked"] as const;
  refuseUnknownKeys(body, ["filter", "to", "rate", ...switches], "a replay of events");
  const filter = readEventFilter(body["filter"]);
  const { to } = texts(body, ["to"], "");
  if (to === undefined) throw badRequest('say which process takes the events, such as {"to":"report"}');
  const wish: EventReplayRequest = { filter, to, ...readRate(body), ...flags(body, switches) };
  requireOpen(pipeline);
  findByName(await pipeline.processes(), to, "process");
  return streamLines(call, (observer) => pipeline.replayEvents(wish, observer));
}

/** @throws SluiceError BAD_REQUEST; an empty filter would be everything, which nobody means */
function readRunFilter(value: unknown): ReplayFilter {
  const keys = ["process", "event", "input", "since", "until", "text", "fingerprint"] as const;
  const filter = readFilter(value, ["state", ...keys], '{"state":"dead"}');
  const { state } = filter;
  if (state !== undefined && !isReplayable(state)) {
    throw badRequest(
      `runs can be replayed whose state is ${REPLAYABLE.join(", ")}, not ${JSON.stringify(state)}`,
    );
  }
  const { event, ...rest } = texts(filter, keys, "the filter's ");
  expectTimes(rest);
  return {
    ...(state !== undefined && { state }),
    ...rest,
    ...(event !== undefined && { event: readUid(event) }),
  };
}

/** @throws SluiceError BAD_REQUEST, INVALID_QUERY */
function readEventFilter(value: unknown): EventFilter {
  const keys = ["input", "location", "key", "operation", "since", "until"] as const;
  const filter = readFilter(value, keys, '{"input":"orders"}');
  const { operation, ...rest } = texts(filter, keys, "the filter's ");
  expectTimes(rest);
  return { ...rest, ...(operation !== undefined && { operation: readOperation(operation) }) };
}

function readFilter(value: unknown, keys: readonly string[], example: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRequest(`a replay needs a filter, such as {"filter":${example}}`);
  }
  const filter = value as JsonObject;
  refuseUnknownKeys(filter, keys, "a filter");
  if (Object.keys(filter).length > 0) return filter;
  throw badRequest(`an empty filter would replay everything; say what, such as ${example}`);
}

/** @throws SluiceError INVALID_QUERY */
function expectTimes(filter: { readonly since?: string; readonly until?: string }): void {
  for (const key of ["since", "until"] as const) if (filter[key] !== undefined) readTime(key, filter[key]);
}

function isReplayable(state: unknown): state is (typeof REPLAYABLE)[number] {
  return (REPLAYABLE as readonly unknown[]).includes(state);
}

/** @throws SluiceError INVALID_OPTIONS */
function readRate(body: JsonObject): { rate?: string } {
  const { rate } = texts(body, ["rate"], "");
  if (rate === undefined) return {};
  parseRate(rate);
  return { rate };
}

function texts<Key extends string>(
  object: JsonObject,
  keys: readonly Key[],
  whose: string,
): { [K in Key]?: string } {
  const found: { [K in Key]?: string } = {};
  for (const key of keys) {
    const value = object[key];
    if (value === undefined) continue;
    if (typeof value !== "string") throw badRequest(`${whose}${key} must be a string`);
    found[key] = value;
  }
  return found;
}

function flags<Key extends string>(object: JsonObject, keys: readonly Key[]): { [K in Key]?: boolean } {
  const found: { [K in Key]?: boolean } = {};
  for (const key of keys) {
    const value = object[key];
    if (value === undefined) continue;
    if (typeof value !== "boolean") throw badRequest(`${key} must be true or false`);
    found[key] = value;
  }
  return found;
}

export const replayRoutes: readonly Route[] = [
  { method: "POST", path: "/api/v1/runs/replay", role: "operator", handle: replayRuns },
  { method: "POST", path: "/api/v1/events/replay", role: "operator", handle: replayEvents },
];
