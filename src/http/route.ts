import type { Orchestrator } from "../engine/orchestrator.ts";
import type { Journal } from "../journal/journal.ts";
import { SluiceError } from "../model/errors.ts";
import { didYouMean } from "../model/suggest.ts";
import type { Role } from "./access.ts";

/** What the API needs of a pipeline: an Orchestrator, or one that stands in for it while it is stopped. */
export type ApiPipeline = Pick<
  Orchestrator,
  | "name"
  | "state"
  | "history"
  | "inputs"
  | "processes"
  | "graph"
  | "emit"
  | "pause"
  | "resume"
  | "restart"
  | "cancel"
  | "replay"
  | "replayAll"
> & { readonly journal: ApiJournal };

/** What is told of the journal; `id` and `epoch` are `null` where nobody owns it. */
export interface ApiJournal extends Pick<Journal, "capabilities" | "health" | "openRuns"> {
  readonly id: string | null;
  readonly epoch: number | null;
}

/** One request, as a route sees it. */
export interface Call {
  readonly pipeline: ApiPipeline;
  readonly request: Request;
  readonly search: URLSearchParams;
  /** A parameter of the path, decoded once. */
  readonly param: (name: string) => string;
  /** The masked configuration, if there is one. */
  readonly config: unknown;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT";
  /** As hono writes paths, such as `/api/v1/runs/:id`. */
  readonly path: string;
  /** `anyone`: without a token, too. */
  readonly role: Role | "anyone";
  readonly handle: (call: Call) => Response | Promise<Response>;
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

/** A list that is never paged. */
export function list(items: readonly unknown[]): Response {
  return json({ items, next: null });
}

/**
 * A pipeline that has not started knows no inputs: without this, each would seem to be missing.
 *
 * @throws SluiceError NOT_RUNNING
 */
export function requireOpen(pipeline: ApiPipeline): void {
  pipeline.journal.health();
}

/** @throws SluiceError UNKNOWN_NAME */
export function findByName<Row extends { readonly name: string }>(
  rows: readonly Row[],
  name: string,
  what: string,
): Row {
  const row = rows.find((candidate) => candidate.name === name);
  if (row !== undefined) return row;
  const names = rows.map((candidate) => candidate.name);
  throw new SluiceError(
    "UNKNOWN_NAME",
    `there is no ${what} ${JSON.stringify(name)}${didYouMean(name, names)}`,
  );
}
