import { isSluiceError, type SluiceError } from "../../model/errors.ts";
import type { ApplyOptions, AppliedPlan, PipelineEdit, Proposal } from "../../model/pipeline-plan.ts";
import { toProblem } from "../../model/problem.ts";
import { readObject, refuseUnknownKeys, type JsonObject } from "../body.ts";
import { requireChanges, requireMayChange } from "../changes.ts";
import { badRequest, notFound, statusOf } from "../problem.ts";
import { readKeys, refuseQuery } from "../query.ts";
import { json, list, type Call, type Route } from "../route.ts";

const FORMATS = ["toml", "yaml", "json"] as const;

async function plan(call: Call): Promise<Response> {
  refuseQuery(call.search);
  const changes = requireChanges(call);
  const body = await readObject(call.request);
  refuseUnknownKeys(body, ["source", "format", "config", "rollback", "file"], "a plan");
  const { isOwner } = call;
  return orUnprocessable(async () => json(await changes.plan(readProposal(body, isOwner), { isOwner })));
}

async function apply(call: Call): Promise<Response> {
  refuseQuery(call.search);
  requireChanges(call);
  requireMayChange(call);
  const { open, ...body } = await readObject(call.request);
  refuseUnknownKeys(body, ["source", "format", "config", "rollback", "file"], "an apply");
  return applyIt(call, readProposal(body, call.isOwner), readOpen(open));
}

/** One change of the current pipeline. */
async function edit(call: Call, change: PipelineEdit, open?: ApplyOptions["open"]): Promise<Response> {
  requireChanges(call);
  requireMayChange(call);
  return applyIt(call, { edit: change }, open);
}

function applyIt(call: Call, proposal: Proposal, open: ApplyOptions["open"]): Promise<Response> {
  const ifVersion = readIfMatch(call.request);
  return orUnprocessable(async () => {
    const applied: AppliedPlan = await requireChanges(call).apply(proposal, {
      by: call.isOwner ? `owner (uid ${process.getuid?.() ?? "?"})` : "admin token",
      isOwner: call.isOwner,
      ...(open !== undefined && { open }),
      ...(ifVersion !== undefined && { ifVersion }),
    });
    const response = json(applied);
    response.headers.set("etag", `"${applied.version}"`);
    return response;
  });
}

function put(role: "input" | "process"): Route["handle"] {
  return async (call) => {
    refuseQuery(call.search);
    const { name = call.param("name"), ...fields } = await readObject(call.request);
    if (name !== call.param("name")) throw badRequest("the name in the body is not that of the path");
    return edit(call, { put: role, name, fields });
  };
}

function remove(role: "input" | "process"): Route["handle"] {
  return async (call) => {
    const values = readKeys(call.search, role === "process" ? ["open"] : []);
    return edit(call, { remove: role, name: call.param("name") }, readOpen(values.get("open")));
  };
}

async function addLink(call: Call): Promise<Response> {
  refuseQuery(call.search);
  return edit(call, { put: "link", fields: await readObject(call.request) });
}

async function removeLink(call: Call): Promise<Response> {
  const values = readKeys(call.search, ["from", "to"]);
  const [from, to] = [values.get("from"), values.get("to")];
  if (from === undefined || to === undefined) throw badRequest("a link is named by ?from=…&to=…");
  return edit(call, { remove: "link", from, to });
}

function listVersions(call: Call): Response {
  refuseQuery(call.search);
  return list(call.changes?.versions() ?? []);
}

async function showVersion(call: Call): Promise<Response> {
  refuseQuery(call.search);
  const wanted = call.param("version");
  const version = await call.changes?.versionOf(Number(wanted));
  if (version === undefined) throw notFound(`there is no version ${JSON.stringify(wanted)}`);
  // A text may hold secrets that were written into it: only who may change it sees it.
  return json(call.role() === "admin" ? version : { ...version, source: null });
}

/** @throws SluiceError BAD_REQUEST */
function readProposal(body: JsonObject, isOwner: boolean): Proposal {
  const { source, format = "toml", config, rollback, file } = body;
  const given = [source, config, rollback].filter((one) => one !== undefined);
  if (given.length !== 1) throw badRequest('say one of "source", "config" and "rollback"');
  if (rollback !== undefined) return { rollback: readVersion(rollback) };
  if (config !== undefined) return { text: JSON.stringify(config, null, 2), format: "json" };
  if (typeof source !== "string") throw badRequest('"source" must be the text of a config file');
  const known = FORMATS.find((one) => one === format);
  if (known === undefined) throw badRequest(`"format" must be ${FORMATS.join(", ")}`);
  if (file === undefined) return { text: source, format: known };
  if (!isOwner || typeof file !== "string") throw badRequest('"file" is for the owner\'s socket only');
  return { text: source, format: known, file };
}

function readVersion(rollback: unknown): number | null {
  if (rollback === null || (Number.isSafeInteger(rollback) && Number(rollback) > 0))
    return rollback as number;
  throw badRequest('"rollback" must be the number of a version, or null for the one before');
}

function readOpen(open: unknown): "drain" | "cancel" | undefined {
  if (open === undefined || open === "drain" || open === "cancel") return open;
  throw badRequest('"open" must be "drain" or "cancel"');
}

/** RFC 9110, section 13.1.1: the version that must be running, as `"7"`; `*` for any. */
function readIfMatch(request: Request): number | undefined {
  const given = request.headers.get("if-match");
  if (given === null || given === "*") return undefined;
  const number = /^"(\d{1,15})"$/.exec(given)?.[1];
  if (number === undefined) throw badRequest('If-Match must be a version in quotes, such as "7"');
  return Number(number);
}

/** What is wrong with what was sent, or cannot be opened, is no failure of ours. */
async function orUnprocessable(work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    const isAboutIt =
      isSluiceError(error) && (issuesOf(error) !== undefined || statusOf(error.code) === undefined);
    if (!isAboutIt) throw error;
    const body = { ...toProblem(422, error.code, error.message), issues: issuesOf(error) ?? [] };
    const headers = { "content-type": "application/problem+json" };
    return new Response(JSON.stringify(body), { status: 422, headers });
  }
}

function issuesOf({ details }: SluiceError): readonly unknown[] | undefined {
  const { issues } = details;
  return Array.isArray(issues) ? issues : undefined;
}

export const changeRoutes: readonly Route[] = [
  { method: "PUT", path: "/api/v1/pipeline", role: "admin", handle: apply },
  { method: "POST", path: "/api/v1/pipeline/plan", role: "admin", handle: plan },
  { method: "GET", path: "/api/v1/pipeline/versions", role: "viewer", handle: listVersions },
  { method: "GET", path: "/api/v1/pipeline/versions/:version", role: "viewer", handle: showVersion },
  { method: "PUT", path: "/api/v1/inputs/:name", role: "admin", handle: put("input") },
  { method: "DELETE", path: "/api/v1/inputs/:name", role: "admin", handle: remove("input") },
  { method: "PUT", path: "/api/v1/processes/:name", role: "admin", handle: put("process") },
  { method: "DELETE", path: "/api/v1/processes/:name", role: "admin", handle: remove("process") },
  { method: "POST", path: "/api/v1/links", role: "admin", handle: addLink },
  { method: "DELETE", path: "/api/v1/links", role: "admin", handle: removeLink },
];
