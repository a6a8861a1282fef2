import { SluiceError } from "../../model/errors.ts";
import { refuseQuery } from "../query.ts";
import { requireOpen, type Call, type Route } from "../route.ts";

const LAST_ID = "lastEventId";

function stream({ pipeline, request, search, stream: hub }: Call): Response {
  const asked = search.get(LAST_ID);
  const others = new URLSearchParams(search);
  others.delete(LAST_ID);
  refuseQuery(others);
  requireOpen(pipeline);
  if (pipeline.state === "stopped") throw new SluiceError("NOT_RUNNING", "the pipeline is stopped");
  // Browsers send the header by themselves, when a connection of theirs broke off.
  const lastId = request.headers.get("last-event-id") ?? asked;
  const body = request.method === "HEAD" ? null : hub.connect(lastId);
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
  });
}

export const streamRoutes: readonly Route[] = [
  { method: "GET", path: "/api/v1/stream", role: "viewer", handle: stream },
];
