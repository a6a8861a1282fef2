import { createStore, useStore } from "./store.ts";

/** Where the page stands: `#/runs?state=dead`. Behind the hash, so that the server needs to know no page of ours. */
export interface Place {
  readonly page: string;
  readonly rest: string;
  readonly query: URLSearchParams;
}

const place = createStore(read());
addEventListener("hashchange", () => place.set(read()));

export function usePlace(): Place {
  return useStore(place);
}

function read(): Place {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const slash = path.indexOf("/");
  const page = slash === -1 ? path : path.slice(0, slash);
  const rest = slash === -1 ? "" : decode(path.slice(slash + 1));
  return { page: page === "" ? "pipeline" : page, rest, query: new URLSearchParams(search) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function href(page: string, rest = "", query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  return `#/${page}${rest === "" ? "" : `/${encodeURIComponent(rest)}`}${search.size === 0 ? "" : `?${search}`}`;
}

export function go(to: string): void {
  location.hash = to;
}

/** Changes the filters in the URL without a step in the history for each key pressed. */
export function replaceQuery(page: string, rest: string, query: Readonly<Record<string, string>>): void {
  history.replaceState(null, "", href(page, rest, query));
  place.set(read());
}
