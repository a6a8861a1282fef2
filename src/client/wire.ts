import { SluiceError, type ErrorCode } from "../model/errors.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** A path with what is asked of it; keys without a value are left away. */
export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

/** What an answer says that is no success: with its own code, or NETWORK if it is not that of a pipeline. */
export function errorIn(answer: unknown, status: number, where: string): SluiceError {
  const { code, detail, issues } = (answer ?? {}) as { code?: unknown; detail?: unknown; issues?: unknown };
  if (typeof code === "string" && typeof detail === "string") {
    const isInvalid = Array.isArray(issues) && issues.length > 0;
    return new SluiceError(code as ErrorCode, detail, isInvalid ? { details: { issues } } : {});
  }
  return new SluiceError("NETWORK", `${where} answered ${status}, and not as a sluice pipeline does`);
}
