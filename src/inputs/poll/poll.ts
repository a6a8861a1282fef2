import type { InputContext } from "../../model/component.ts";
import { isSluiceError, type SluiceError } from "../../model/errors.ts";
import type { EventInit } from "../../model/event.ts";
import { invalid, type Fetch, type Validators } from "./fetch.ts";
import type { Item } from "./items.ts";
import type { Memory } from "./memory.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Page, ReadPage } from "./page.ts";

export interface Poller {
  readonly options: ResolvedOptions;
  readonly url: URL;
  readonly fetch: Fetch;
  readonly readPage: ReadPage;
  readonly readItem: (item: unknown) => Item;
}

/** Why a poll could not be finished, and when the server wants to be asked again, in milliseconds from now. */
export interface Failure {
  readonly error: unknown;
  readonly retryAfter: number | undefined;
}

type Asked =
  | { readonly page: Page; readonly validators: Validators | undefined }
  | { readonly failure: Failure | undefined };

/**
 * Asks once, for all pages, and emits what is new: each page in one commit, with what is remembered of it. Throws what
 * the journal refuses; all that is wrong with the source is answered.
 */
export async function poll(
  poller: Poller,
  memory: Memory,
  context: InputContext,
): Promise<Failure | undefined> {
  const { options } = poller;
  let url = firstUrl(poller, memory);
  let listed = 0;
  /** The newest that a page told: some servers tell it with the first page only. */
  let cursor: string | undefined;
  for (let pages = 1; ; pages += 1) {
    const asked = await ask(poller, memory, context, url);
    if ("failure" in asked) return asked.failure;
    const { page, validators } = asked;
    listed += page.items.length;
    // Without a cursor everything is listed each time: what is forgotten in between would be sent again and again.
    if (options.cursor === undefined && listed > options.remember) {
      return failed(
        invalid(
          `${url.origin} lists more than ${options.remember} items; raise remember, or ask by a cursor`,
        ),
      );
    }
    cursor = page.cursor ?? cursor;
    const moved = cursor !== undefined && cursor !== memory.cursor;
    const next = nextOf(poller, page, moved);
    // Pages that are found by links are one answer: the cursor moves once all of it is kept.
    const movesNow = moved && (next === undefined || options.nextPage === "cursor");
    if (movesNow) memory.cursor = cursor;
    await keep(poller, memory, context, page, { moved: movesNow, isLast: next === undefined });
    if (context.signal.aborted) return undefined;
    if (next === undefined) {
      // A page that did not change says nothing of those behind it.
      await memory.keepValidators(context, pages === 1 ? validators : undefined);
      return undefined;
    }
    if (pages === options.maxPages) {
      if (options.nextPage === "cursor") return undefined;
      return failed(
        invalid(`${url.origin} has more than ${pages} pages; the rest was not read: raise max_pages`),
      );
    }
    url = next === "cursor" ? firstUrl(poller, memory) : next;
  }
}

async function ask(
  { fetch, readPage }: Poller,
  memory: Memory,
  { signal, clock }: InputContext,
  url: URL,
): Promise<Asked> {
  const fetched = await fetch({ url, validators: memory.validators, signal, clock });
  if (fetched.type === "unchanged") return { failure: undefined };
  if (fetched.type === "failed") return { failure: fetched };
  try {
    return { page: readPage(fetched.answer, url), validators: fetched.validators };
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    return { failure: failed(error) };
  }
}

function failed(error: SluiceError): Failure {
  return { error, retryAfter: undefined };
}

function firstUrl({ options, url }: Poller, memory: Memory): URL {
  const { cursor } = options;
  if (cursor === undefined || memory.cursor === undefined) return url;
  const asked = new URL(url);
  asked.searchParams.set(cursor.query, memory.cursor);
  return asked;
}

function nextOf({ options }: Poller, page: Page, moved: boolean): URL | "cursor" | undefined {
  if (options.nextPage !== "cursor") return page.next;
  return page.items.length > 0 && moved ? "cursor" : undefined;
}

async function keep(
  { options, readItem }: Poller,
  memory: Memory,
  context: InputContext,
  page: Page,
  { moved, isLast }: { readonly moved: boolean; readonly isLast: boolean },
): Promise<void> {
  const events: EventInit[] = [];
  for (const one of page.items) {
    const { event, key, version } = readItem(one);
    const before = memory.seen.meet(key);
    if (before === version) continue;
    memory.seen.note(key, version);
    // What a cursor brings may be new or changed: only a source that lists everything tells.
    const operation = options.cursor !== undefined ? "unknown" : before === undefined ? "create" : "update";
    events.push({ operation, ...event });
  }
  if (moved || isLast) memory.seen.trim();
  const state = memory.toKeep({ cursor: moved, seen: events.length > 0 });
  if (events.length > 0) await context.emitAll(events, { state });
  else for (const [key, value] of Object.entries(state)) await context.state.put(key, value);
}
