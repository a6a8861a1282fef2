import { isJsonDeeperThan } from "../../model/json-depth.ts";
import type { HttpAnswer } from "../../net/client.ts";
import { compilePointer } from "../../net/pointer.ts";
import { invalid } from "./fetch.ts";
import type { ResolvedOptions } from "./options.ts";

/** What one answer holds. */
export interface Page {
  readonly items: readonly unknown[];
  /** Where the next answer begins; `undefined` if it does not say. */
  readonly cursor: string | undefined;
  /** Where the next page is, as the answer says; `undefined` if this is the last. */
  readonly next: URL | undefined;
}

/** Reads an answer to the question of a URL. @throws SluiceError INVALID_ANSWER */
export type ReadPage = (answer: HttpAnswer, url: URL) => Page;

/** Most items of an answer: they are one commit of the journal. */
const MOST_ITEMS = 10_000;
const DEEPEST = 1_000;
const LONGEST_CURSOR = 4_000;
const utf8 = new TextDecoder("utf-8", { fatal: true });

export function createPageReader(options: Pick<ResolvedOptions, "items" | "cursor" | "nextPage">): ReadPage {
  const { cursor, nextPage } = options;
  const itemsIn = options.items === undefined ? undefined : compilePointer(options.items);
  const fromAnswer = cursor?.from === undefined ? undefined : compilePointer(cursor.from);
  const item = cursor?.item === undefined ? undefined : compilePointer(cursor.item);
  const isPointed = nextPage !== undefined && nextPage !== "link" && nextPage !== "cursor";
  const nextIn = isPointed ? compilePointer(nextPage) : undefined;

  return (answer, url) => {
    if (answer.status === 204) return { items: [], cursor: undefined, next: undefined };
    const document = parse(answer.body, url);
    const items = itemsIn === undefined ? [document] : itemsIn(document);
    if (!Array.isArray(items))
      throw invalid(`items: ${options.items} is no list in the answer of ${url.origin}`);
    if (items.length > MOST_ITEMS) {
      throw invalid(`${url.origin} answered ${items.length} items; ask for pages of ${MOST_ITEMS} at most`);
    }
    const place = nextPage === "link" ? nextLink(answer.headers["link"]) : nextIn?.(document);
    const value = fromAnswer?.(document) ?? (items.length > 0 ? item?.(items.at(-1)) : undefined);
    return { items, cursor: cursorText(value), next: nextUrl(place, url) };
  };
}

function parse(body: Uint8Array, { origin }: URL): unknown {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw invalid(`the answer of ${origin} is not valid UTF-8`);
  }
  if (isJsonDeeperThan(text, DEEPEST)) throw invalid(`the answer of ${origin} is nested too deeply`);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalid(`the answer of ${origin} is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

function cursorText(value: unknown): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const text = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text === "string" && text.length <= LONGEST_CURSOR) return text;
  throw invalid(
    `the answer's cursor must be text or an exact number of ${LONGEST_CURSOR} characters at most`,
  );
}

/** Headers such as Authorization go along, so that no answer may send us elsewhere. */
function nextUrl(place: unknown, url: URL): URL | undefined {
  if (place === undefined || place === null || place === "") return undefined;
  const next = typeof place === "string" ? URL.parse(place, url) : null;
  if (next === null) throw invalid(`the answer of ${url.origin} names a next page that is no URL`);
  if (next.origin === url.origin) return next;
  throw invalid(
    `the answer of ${url.origin} names a next page elsewhere, at ${next.origin}; that is not followed`,
  );
}

/** The target of `rel="next"` (RFC 8288, section 3). */
export function nextLink(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(", ") : (header ?? "");
  for (const [, target, parameters = ""] of text.matchAll(/<([^>]*)>([^<]*)/g)) {
    const relations = /;\s*rel\s*=\s*"?([^";,]*)/i.exec(parameters)?.[1] ?? "";
    if (relations.toLowerCase().split(/\s+/).includes("next")) return target;
  }
  return undefined;
}
