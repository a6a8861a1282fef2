import { SluiceError } from "../model/errors.ts";
import { checkUid } from "../model/event.ts";
import { parseOperation, type Operation } from "../model/operation.ts";
import { readTime } from "../model/query-time.ts";
import { checkRunState } from "../model/run.ts";
import type { EventQuery, PageQuery, RunQuery } from "../journal/history.ts";
import { didYouMean } from "../model/suggest.ts";

const PAGE_KEYS = ["limit", "cursor"] as const;
const RUN_KEYS = [
  ...PAGE_KEYS,
  "state",
  "process",
  "event",
  "input",
  "since",
  "until",
  "text",
  "fingerprint",
  "oldestFirst",
] as const;
const EVENT_KEYS = [...PAGE_KEYS, "trigger", "location", "key", "operation", "since", "until"] as const;
/** RFC 3339, section 5.6; seconds may be left away, as date fields of pages do. */
const LARGEST_LIMIT = 1_000;

/** @throws SluiceError INVALID_QUERY for unknown and repeated keys, too */
export function readPageQuery(search: URLSearchParams): PageQuery {
  return page(readKeys(search, PAGE_KEYS));
}

/** @throws SluiceError INVALID_QUERY */
export function readEventQuery(search: URLSearchParams): EventQuery {
  const values = readKeys(search, EVENT_KEYS);
  const operation = values.get("operation");
  return {
    ...page(values),
    ...texts(values, ["trigger", "location", "key"]),
    ...(operation !== undefined && { operation: readOperation(operation) }),
    ...times(values, ["since", "until"]),
  };
}

/** @throws SluiceError INVALID_QUERY */
export function readRunQuery(search: URLSearchParams): RunQuery {
  const values = readKeys(search, RUN_KEYS);
  const state = values.get("state");
  const event = values.get("event");
  return {
    ...page(values),
    ...(state !== undefined && { state: checkRunState(state) }),
    ...(event !== undefined && { event: readUid(event) }),
    ...texts(values, ["process", "input", "text", "fingerprint"]),
    ...times(values, ["since", "until"]),
    ...flags(values, ["oldestFirst"]),
  };
}

function texts<Key extends string>(
  values: ReadonlyMap<string, string>,
  keys: readonly Key[],
): { [K in Key]?: string } {
  return Object.fromEntries(
    keys.flatMap((key) => (values.has(key) ? [[key, values.get(key)] as const] : [])),
  ) as { [K in Key]?: string };
}

function times<Key extends string>(
  values: ReadonlyMap<string, string>,
  keys: readonly Key[],
): { [K in Key]?: number } {
  const found: { [K in Key]?: number } = {};
  for (const key of keys) {
    const text = values.get(key);
    if (text !== undefined) found[key] = readTime(key, text);
  }
  return found;
}

function flags<Key extends string>(
  values: ReadonlyMap<string, string>,
  keys: readonly Key[],
): { [K in Key]?: boolean } {
  const found: { [K in Key]?: boolean } = {};
  for (const key of keys) {
    const text = values.get(key);
    if (text === undefined) continue;
    if (text !== "true" && text !== "false") {
      throw new SluiceError("INVALID_QUERY", `${key} must be true or false, not ${JSON.stringify(text)}`);
    }
    found[key] = text === "true";
  }
  return found;
}

/** @throws SluiceError INVALID_QUERY */
export function readOperation(text: string): Operation {
  try {
    return parseOperation(text);
  } catch (cause) {
    throw new SluiceError("INVALID_QUERY", (cause as Error).message, { cause });
  }
}

/** @throws SluiceError INVALID_QUERY if there is any key at all */
export function refuseQuery(search: URLSearchParams): void {
  readKeys(search, []);
}

/** @throws SluiceError INVALID_QUERY */
export function readUid(text: string): string {
  try {
    return checkUid(text);
  } catch (cause) {
    throw new SluiceError(
      "INVALID_QUERY",
      `${JSON.stringify(text)} is not the uid of an event, which is a UUID`,
      {
        cause,
      },
    );
  }
}

/** @throws SluiceError INVALID_QUERY for unknown and repeated keys */
export function readKeys(search: URLSearchParams, allowed: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of search) {
    if (!allowed.includes(key)) throw unknownKey(key, allowed);
    if (values.has(key)) throw new SluiceError("INVALID_QUERY", `the query has ${key} twice`);
    values.set(key, value);
  }
  return values;
}

function page(values: ReadonlyMap<string, string>): PageQuery {
  const limit = values.get("limit");
  const cursor = values.get("cursor");
  if (cursor === "")
    throw new SluiceError("INVALID_QUERY", "the cursor is empty; leave it away for the first page");
  return {
    ...(limit !== undefined && { limit: readLimit(limit) }),
    ...(cursor !== undefined && { cursor }),
  };
}

/** @throws SluiceError INVALID_QUERY */
export function readLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LARGEST_LIMIT) return limit;
  throw new SluiceError(
    "INVALID_QUERY",
    `limit must be a whole number from 1 to 1000, not ${JSON.stringify(text)}`,
  );
}

function unknownKey(key: string, allowed: readonly string[]): SluiceError {
  const known = allowed.length === 0 ? "this route takes none" : `there are ${allowed.join(", ")}`;
  return new SluiceError(
    "INVALID_QUERY",
    `${JSON.stringify(key)} is not a key of this query: ${known}${didYouMean(key, allowed)}`,
  );
}
