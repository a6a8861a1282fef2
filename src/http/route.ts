import { SluiceError } from "../model/errors.ts";
import { didYouMean } from "../model/suggest.ts";
import type { Role } from "./access.ts";
import type { ApiChanges } from "./changes.ts";
import type { ApiPipeline } from "./pipeline.ts";
import type { StreamHub } from "./stream/hub.ts";

/** One request, as a route sees it. */
export interface Call {
  readonly pipeline: ApiPipeline;
  readonly request: Request;
  readonly search: URLSearchParams;
  /** Whether it came through the owner's socket, or from who reads the journal: those could run any code here. */
  readonly isOwner: boolean;
  /** What whoever called may do. */
  readonly role: () => Role;
  /** A parameter of the path, decoded once. */
  readonly param: (name: string) => string;
  /** The masked configuration, if there is one. */
  readonly config: unknown;
  /** How the pipeline becomes another one; `undefined` if it cannot: it was made in code, or is stopped. */
  readonly changes: ApiChanges | undefined;
  /** Whether `[http] changes` allows that through this listener. */
  readonly allowsChanges: boolean;
  /** Takes secrets out of what is told of a failure inside. */
  readonly redact: (text: string) => string;
  readonly stream: StreamHub;
  /** What Prometheus scrapes; `undefined` if nobody measures. */
  readonly metrics: MetricsSource | undefined;
  /** The description of all routes. */
  readonly openapi: () => unknown;
}

/** Where `/metrics` gets its text from. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
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
