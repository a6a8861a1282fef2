import type { Orchestrator } from "../engine/orchestrator.ts";
import { isReservedPath } from "../model/hook-path.ts";
import type { FetchHandler } from "./api.ts";
import { problem } from "../model/problem.ts";
import { problemOf } from "./problem.ts";

/**
 * Serves the inputs that answer HTTP requests, each at its own path and with its own authentication.
 * Reads the inputs anew for each request, so that those added later are served too.
 */
export function hooksHandler(
  orchestrator: Pick<Orchestrator, "hooks">,
  options: {
    /** What answers at every other path. Defaults to 404. */
    readonly otherwise?: FetchHandler;
    readonly onError?: (error: unknown) => void;
    /** Takes secrets out of what failed inside. Defaults to leaving it as it is. */
    readonly redact?: (text: string) => string;
  } = {},
): FetchHandler {
  const { otherwise = nothingHere, onError = () => undefined, redact = (text) => text } = options;
  return async (request) => {
    const path = pathOf(request.url);
    const hook = isReservedPath(path)
      ? undefined
      : orchestrator.hooks().find((candidate) => candidate.path === path);
    if (hook === undefined) return otherwise(request);
    try {
      return await hook.fetch(request);
    } catch (error) {
      return problemOf(error, onError, redact);
    }
  };
}

function nothingHere(): Response {
  return problem(404, "NOT_FOUND", "no webhook lives here");
}

/** The path of a request, decoded, as hooks write theirs; what cannot be decoded is left as it is. */
function pathOf(url: string): string {
  const path = encodedPathOf(url);
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Cheaper than to parse all of the URL, for every delivery. */
function encodedPathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start === -1) return "/";
  const query = url.indexOf("?", start);
  const end = query === -1 ? url.indexOf("#", start) : query;
  return end === -1 ? url.slice(start) : url.slice(start, end);
}
