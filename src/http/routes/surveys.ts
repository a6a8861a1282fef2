import type { SurveyObserver, SurveyProgress } from "../../engine/handles.ts";
import { SluiceError, toErrorRecord } from "../../model/errors.ts";
import { readOptionalObject, refuseUnknownKeys, type JsonObject } from "../body.ts";
import { badRequest } from "../problem.ts";
import { refuseQuery } from "../query.ts";
import { findByName, requireOpen, type Call, type Route } from "../route.ts";

/** Milliseconds between lines at least, and at most: what is silent for long is taken for dead. */
const SHORTEST = 250;
const LONGEST = 10_000;

const KEYS = {
  backfill: { table: "string", where: "string", rate: "string", restart: "boolean" },
  audit: { table: "string", where: "string", repair: "boolean" },
} as const;

/**
 * Does a backfill or an audit while it answers, line by line: `{"progress":…}` now and then, at last `{"report":…}` or
 * `{"error":…}`. Who breaks the connection off ends it.
 */
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

function streamLines(
  { request, redact }: Call,
  work: (observer: SurveyObserver) => Promise<unknown>,
): Response {
  const left = new AbortController();
  const encoder = new TextEncoder();
  let progress: SurveyProgress | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  let heartbeat: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (line: object): void => {
        if (!left.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      heartbeat = setInterval(() => write({ progress }), LONGEST);
      const onProgress = (now: SurveyProgress): void => {
        progress = now;
        if (performance.now() - toldAt < SHORTEST) return;
        toldAt = performance.now();
        write({ progress });
      };
      const signal = AbortSignal.any([left.signal, request.signal]);
      void (async () => {
        try {
          const report = await work({ signal, onProgress });
          write({ progress });
          write({ report });
        } catch (error) {
          const { code, message } = toErrorRecord(error);
          write({ error: { code, message: redact(message) } });
        } finally {
          clearInterval(heartbeat);
          if (!left.signal.aborted) controller.close();
        }
      })();
    },
    cancel() {
      clearInterval(heartbeat);
      left.abort(new SluiceError("CANCELLED", "whoever asked for it is gone; what was done is kept"));
    },
  });
  return new Response(body, {
    headers: { "content-type": "application/x-ndjson", "x-accel-buffering": "no" },
  });
}

export const surveyRoutes: readonly Route[] = [
  { method: "POST", path: "/api/v1/inputs/:name/backfill", role: "operator", handle: survey("backfill") },
  { method: "POST", path: "/api/v1/inputs/:name/audit", role: "operator", handle: survey("audit") },
];
