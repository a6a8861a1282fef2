import type { SchemaName } from "./schemas.ts";

/** What the description of the API says of one route. */
export interface Operation {
  readonly summary: string;
  /** What may stand in the query, with a word on each. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: SchemaName;
  /** By status. */
  readonly answers: Readonly<Record<number, SchemaName>>;
  /** Of the answers. Defaults to `application/json`. */
  readonly type?: string;
}

const PAGE = {
  limit: "1 to 1000, 50 by default",
  cursor: "the `next` of the page before",
} as const;

/** By method and path, as the routes write them. A test holds them against each other. */
export const OPERATIONS_OF: Readonly<Record<string, Operation>> = {
  "GET /healthz": { summary: "Whether the process lives", answers: { 200: "Status" } },
  "GET /readyz": { summary: "Whether events would be taken now; 503 if not", answers: { 200: "Status" } },
  "GET /metrics": {
    summary: "Measurements, for Prometheus",
    answers: { 200: "Text" },
    type: "text/plain",
  },
  "GET /api/v1/openapi.json": { summary: "This description", answers: { 200: "Whatever" } },
  "GET /api/v1/pipeline": {
    summary: "Name, state, journal and masked configuration",
    answers: { 200: "Pipeline" },
  },
  "PUT /api/v1/pipeline": {
    summary: "Makes the pipeline another one, all at once; If-Match names the version that must be running",
    body: "Apply",
    answers: { 200: "Applied" },
  },
  "POST /api/v1/pipeline/plan": {
    summary: "What an apply would do",
    body: "Proposal",
    answers: { 200: "Plan" },
  },
  "GET /api/v1/pipeline/versions": {
    summary: "Versions that the journal keeps, newest first",
    answers: { 200: "Versions" },
  },
  "GET /api/v1/pipeline/versions/:version": {
    summary: "One of them, with its config, masked; for an admin with its text",
    answers: { 200: "VersionDetail" },
  },
  "PUT /api/v1/inputs/:name": {
    summary: "Adds an input, or puts it in the place of the one of its name",
    body: "Whatever",
    answers: { 200: "Applied" },
  },
  "DELETE /api/v1/inputs/:name": {
    summary: "Removes an input, with the links that leave it",
    answers: { 200: "Applied" },
  },
  "PUT /api/v1/processes/:name": {
    summary: "Adds a process, or puts it in the place of the one of its name",
    body: "Whatever",
    answers: { 200: "Applied" },
  },
  "DELETE /api/v1/processes/:name": {
    summary: "Removes a process, with its links",
    query: { open: "drain finishes its open runs, cancel cancels them" },
    answers: { 200: "Applied" },
  },
  "POST /api/v1/links": { summary: "Adds a link", body: "Whatever", answers: { 200: "Applied" } },
  "DELETE /api/v1/links": {
    summary: "Removes a link",
    query: { from: "an input or process", to: "a process" },
    answers: { 200: "Applied" },
  },
  "GET /api/v1/graph": { summary: "The DAG, with its datasets", answers: { 200: "Graph" } },
  "GET /api/v1/inputs": { summary: "All inputs", answers: { 200: "Inputs" } },
  "POST /api/v1/inputs/:name/events": {
    summary: "Emits an event in the name of an input; 202 once it is durable",
    body: "NewEvent",
    answers: { 202: "Emitted", 200: "Emitted" },
  },
  "POST /api/v1/inputs/:name/pause": {
    summary: "Pauses an input; lasts over restarts",
    body: "Nothing",
    answers: { 200: "Input" },
  },
  "POST /api/v1/inputs/:name/resume": {
    summary: "Resumes an input",
    body: "Nothing",
    answers: { 200: "Input" },
  },
  "POST /api/v1/inputs/:name/restart": {
    summary: "Starts an input anew, a failed or finished one too",
    body: "Nothing",
    answers: { 200: "Input" },
  },
  "POST /api/v1/inputs/:name/backfill": {
    summary:
      "Emits what is in the source already, and tells line by line how far it is; breaking off ends it",
    body: "Backfill",
    answers: { 200: "SurveyLine" },
    type: "application/x-ndjson",
  },
  "POST /api/v1/inputs/:name/audit": {
    summary: "Compares the source with what the journal has seen, and tells line by line how far it is",
    body: "Audit",
    answers: { 200: "SurveyLine" },
    type: "application/x-ndjson",
  },
  "GET /api/v1/processes": { summary: "All processes", answers: { 200: "Processes" } },
  "POST /api/v1/processes/:name/pause": {
    summary: "Pauses a process; lasts over restarts",
    body: "Nothing",
    answers: { 200: "Process" },
  },
  "POST /api/v1/processes/:name/resume": {
    summary: "Resumes a process",
    body: "Nothing",
    answers: { 200: "Process" },
  },
  "GET /api/v1/events": {
    summary: "Events, newest first",
    query: {
      ...PAGE,
      trigger: "only of this input, or process that emitted",
      location: "only of this location",
      key: "only of this ordering key, which is `location/id` where none was said",
      operation: "only of this operation",
      since: "only from this time on",
      until: "only before this time",
    },
    answers: { 200: "Events" },
  },
  "GET /api/v1/events/:uid": {
    summary: "An event, its runs, and the events that those caused",
    answers: { 200: "Journey" },
  },
  "GET /api/v1/runs": {
    summary: "Runs, newest first unless told otherwise",
    query: {
      ...PAGE,
      state: "only in this state",
      process: "only of this process",
      event: "only of the event with this uid",
      input: "only of events of this input, or process that emitted",
      since: "only of events from this time on",
      until: "only of events before this time",
      text: "only with this text in the id or the error",
      fingerprint: "only of this group of dead letters",
      oldestFirst:
        "true for the order in which their events came, up to those there when the first page was read",
    },
    answers: { 200: "Runs" },
  },
  "POST /api/v1/runs/replay": {
    summary:
      "Replays all runs that a filter matches, oldest first, or counts them; at a rate it answers line by line, as NDJSON",
    body: "BulkReplay",
    answers: { 200: "Replayed" },
  },
  "POST /api/v1/events/replay": {
    summary:
      "Sends events of the past to a process, or counts them, and tells line by line how far it is; breaking off ends it",
    body: "EventReplay",
    answers: { 200: "SurveyLine" },
    type: "application/x-ndjson",
  },
  "GET /api/v1/runs/:id": {
    summary: "A run, with its payload if that was edited",
    answers: { 200: "RunDetail" },
  },
  "GET /api/v1/runs/:id/attempts": {
    summary: "The attempts of a run, oldest first",
    answers: { 200: "Attempts" },
  },
  "GET /api/v1/runs/:id/logs": {
    summary: "What a run logged, oldest first",
    query: PAGE,
    answers: { 200: "Logs" },
  },
  "POST /api/v1/runs/:id/replay": {
    summary: "Replays a run, with an edited payload if one is given",
    body: "Replay",
    answers: { 200: "RunOutcome" },
  },
  "POST /api/v1/runs/:id/cancel": {
    summary: "Cancels a run",
    body: "Nothing",
    answers: { 200: "RunOutcome" },
  },
  "POST /api/v1/forget": {
    summary: "Blanks what all events of a key carry, for good",
    body: "Forget",
    answers: { 200: "Forgotten" },
  },
  "GET /api/v1/dead-letters": {
    summary: "Dead runs, grouped by process and error, largest group first",
    answers: { 200: "DeadLetters" },
  },
  "GET /api/v1/stream": {
    summary: "What happens, as server-sent events; resumes by Last-Event-ID",
    query: { lastEventId: "as the header Last-Event-ID, for those who cannot set it" },
    answers: { 200: "Text" },
    type: "text/event-stream",
  },
};
