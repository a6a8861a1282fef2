/** The one way to the server: `sluice/client`, with the token that this tab was given. */
import { createCaller, type Caller, type Watcher } from "../../src/client/caller.ts";
import type { ServerEvent } from "../../src/client/server-events.ts";
import { isSluiceError } from "../../src/model/errors.ts";

const TOKEN = "sluice.token";

type Listener = () => void;
const refusals = new Set<Listener>();

export function getToken(): string {
  return sessionStorage.getItem(TOKEN) ?? "";
}

/** Kept for this tab only; an empty one is forgotten. */
export function setToken(token: string): void {
  if (token === "") sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, token);
}

/** Tells whenever the server refused the token, so that the page can ask for another. */
export function onRefusal(listener: Listener): () => void {
  refusals.add(listener);
  return () => refusals.delete(listener);
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export function get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  const asked = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ""));
  return heedRefusal((caller) => caller.get<Answer>(path, asked, signal));
}

export function post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
  return heedRefusal((caller) => caller.post<Answer>(path, body));
}

export function put<Answer>(
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  return heedRefusal((caller) => caller.put<Answer>(path, body, headers));
}

/** Long work, which its signal ends. */
export function work<Report, Progress>(
  path: string,
  body: unknown,
  watcher: Watcher<Progress>,
): Promise<Report> {
  return heedRefusal((caller) => caller.work<Report, Progress>(path, body, watcher));
}

/** Calls for each message of the live stream; ends when the connection does. */
export function follow(
  lastId: string | undefined,
  signal: AbortSignal,
  onEvent: (event: ServerEvent) => void,
): Promise<void> {
  return heedRefusal(async (caller) => {
    for await (const event of caller.events("stream", lastId, signal)) onEvent(event);
  });
}

async function heedRefusal<Answer>(call: (caller: Caller) => Promise<Answer>): Promise<Answer> {
  const token = getToken();
  try {
    return await call(
      createCaller({
        url: location.origin,
        where: "the pipeline",
        token: token === "" ? undefined : token,
        fetch: (request) => fetch(request, { cache: "no-store" }),
      }),
    );
  } catch (error) {
    // An answer to a token that was replaced meanwhile says nothing of the new one.
    if (isSluiceError(error, "UNAUTHORIZED") && token === getToken()) {
      for (const listener of refusals) listener();
    }
    throw error;
  }
}

/** A part of a path: run ids hold slashes. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}
