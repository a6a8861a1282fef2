import { get } from "./api.ts";
import type { Page, RunRow } from "./types.ts";

const KEYS = ["state", "process", "input", "text", "since", "until", "fingerprint", "event"] as const;
export type FilterKey = (typeof KEYS)[number];
/** Which runs, as the URL says it. */
export type RunFilter = Readonly<Partial<Record<FilterKey, string>>>;

export interface RunsOptions {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal;
  /** Defaults to the newest first. */
  readonly oldestFirst?: boolean;
}

/** A page that holds nothing though more follows is passed over this often before the reader is asked. */
const EMPTY_PAGES = 20;

export function readFilter(query: URLSearchParams): RunFilter {
  return Object.fromEntries(
    KEYS.flatMap((key) => {
      const value = query.get(key);
      return value === null || value === "" ? [] : [[key, value]];
    }),
  );
}

/** A page may be empty because so much was looked at in one go: goes on until something was found. */
export async function readRuns(
  filter: RunFilter,
  { limit, cursor, signal, oldestFirst = false }: RunsOptions,
): Promise<Page<RunRow>> {
  const query = {
    ...filter,
    since: toIso(filter.since),
    until: toIso(filter.until),
    ...(oldestFirst && { oldestFirst: "true" }),
    limit,
  };
  let page = await get<Page<RunRow>>("runs", { ...query, cursor }, signal);
  for (let passed = 0; page.items.length === 0 && page.next !== null && passed < EMPTY_PAGES; passed++) {
    page = await get<Page<RunRow>>("runs", { ...query, cursor: page.next }, signal);
  }
  return page;
}

/** The URL keeps the reader's own time; the API wants UTC. */
export function toIso(local: string | undefined): string | undefined {
  if (local === undefined || local === "") return undefined;
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
