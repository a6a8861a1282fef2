import { PermanentError, Postponed, SluiceError, type ErrorCode } from "../../model/errors.ts";
import type { Redact } from "../../model/mask.ts";
import { ApiError } from "./api.ts";

/** Milliseconds until a run is tried again that the API server could not serve. */
const DELAY = 10_000;

interface Meaning {
  readonly code: ErrorCode;
  readonly message: string;
  /** Whether the request itself is at fault, so that the same again cannot help. */
  readonly final?: boolean;
}

/** What a refusal means, said with the verb and the resource, as roles name them. */
function meaningOf(error: ApiError, server: string, namespace: string): Meaning {
  const { asked, status, message } = error;
  const what = `${asked.verb} ${asked.resource} in the namespace "${namespace}"`;
  if (status === undefined) {
    const reached = `cannot ${what}: the Kubernetes API server at ${server} cannot be reached (${message})`;
    return { code: "SOURCE_UNAVAILABLE", message: reached };
  }
  if (status === 401) {
    const refused = `cannot ${what}: the Kubernetes API server at ${server} does not take our credentials (${message})`;
    return { code: "UNAUTHORIZED", message: refused };
  }
  if (status === 403 && /exceeded quota/.test(message)) {
    return { code: "UNSCHEDULABLE", message: `cannot ${what}: ${message}` };
  }
  if (status === 403) {
    const role = `a role must allow the verb "${asked.verb}" on "${asked.resource}"`;
    return { code: "FORBIDDEN", message: `may not ${what}: ${message}; ${role}` };
  }
  if (status === 400 || status === 413 || status === 422) {
    const refused = `cannot ${what}: the Kubernetes API server refuses it: ${message}`;
    return { code: "INVALID_OPTIONS", message: refused, final: true };
  }
  return {
    code: "SOURCE_UNAVAILABLE",
    message: `cannot ${what}: the Kubernetes API server says: ${message}`,
  };
}

type Place = { readonly server: string; readonly namespace: string };

/** For who looks whether a cluster is as it must be. */
export function toSluiceError(error: unknown, { server, namespace }: Place): unknown {
  if (!(error instanceof ApiError)) return error;
  const { code, message } = meaningOf(error, server, namespace);
  return new SluiceError(code, message, { cause: error });
}

/**
 * For a run: what the API server cannot do now is tried again without the cost of an attempt.
 *
 * @param mask takes out what must not be shown: the server tells values that it refuses
 */
export function toRunError(error: unknown, { server, namespace }: Place, mask: Redact): unknown {
  if (!(error instanceof ApiError)) return error;
  const { code, message: whole, final } = meaningOf(error, server, namespace);
  const message = mask(whole);
  if (final === true) return new PermanentError(message, { cause: error, code });
  const delay = error.retryAfter ?? DELAY;
  return new Postponed(message, { delay, holdProcess: true, cause: error, code });
}
