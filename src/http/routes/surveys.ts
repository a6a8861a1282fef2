import { SluiceError } from "../../model/errors.ts";
import { readOptionalObject, refuseUnknownKeys, type JsonObject } from "../body.ts";
import { streamLines } from "../lines.ts";
import { badRequest } from "../problem.ts";
import { refuseQuery } from "../query.ts";
import { findByName, requireOpen, type Route } from "../route.ts";

const KEYS = {
  backfill: { table: "string", where: "string", rate: "string", restart: "boolean" },
  audit: { table: "string", where: "string", rate: "string", data: "boolean", repair: "boolean" },
} as const;

/** Does a backfill or an audit while it answers, line by line. */
function survey(what: "backfill" | "audit"): Route["handle"] {
  return async (call) => {
    refuseQuery(call.search);
    const request = checkRequest(await readOptionalObject(call.request), what);
    if (request["where"] !== undefined && !call.isOwner) {
      throw new SluiceError(
        "FORBIDDEN",
        "a condition is SQL, which only the machine of the pipeline may bring in: use the command line there",
      );
    }
    requireOpen(call.pipeline);
    const { name } = findByName(call.pipeline.inputs(), call.param("name"), "input");
    return streamLines(call, (observer) => call.pipeline[what](name, request, observer));
  };
}

/** @throws SluiceError BAD_REQUEST */
function checkRequest(body: JsonObject, what: "backfill" | "audit"): JsonObject {
  const types: Readonly<Record<string, string>> = KEYS[what];
  refuseUnknownKeys(body, Object.keys(types), what === "audit" ? "an audit" : "a backfill");
  for (const [key, value] of Object.entries(body)) {
    if (typeof value !== types[key]) throw badRequest(`${key} must be a ${types[key]}`);
  }
  return body;
}

export const surveyRoutes: readonly Route[] = [
  { method: "POST", path: "/api/v1/inputs/:name/backfill", role: "operator", handle: survey("backfill") },
  { method: "POST", path: "/api/v1/inputs/:name/audit", role: "operator", handle: survey("audit") },
];
