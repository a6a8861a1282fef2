/** The one way to the server: JSON over the API, with the token that this tab was given. */

/** What went wrong, as the server said it (RFC 9457) or as the network failed. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

const TOKEN = "sluice.token";
export const BASE = "/api/v1";

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

export function authorization(): Record<string, string> {
  const token = getToken();
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export function get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.set(key, String(value));
  }
  const suffix = search.size === 0 ? "" : `?${search}`;
  return send<Answer>("GET", path + suffix, undefined, signal);
}

export function post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
  return send<Answer>("POST", path, body);
}

async function send<Answer>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  const token = getToken();
  const response = await fetch(BASE + path, {
    method,
    headers: { ...authorization(), ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
    cache: "no-store",
  }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, "UNREACHABLE", "The pipeline does not answer.");
  });
  return (await read(response, token)) as Answer;
}

async function read(response: Response, token: string): Promise<unknown> {
  const text = await response.text();
  const value = parse(text);
  if (response.ok) return value;
  if (response.status === 401) refused(token);
  const { code, detail, title } = (value ?? {}) as Readonly<Record<string, unknown>>;
  throw new ApiError(
    response.status,
    typeof code === "string" ? code : `HTTP_${response.status}`,
    typeof detail === "string" ? detail : typeof title === "string" ? title : response.statusText,
  );
}

/** An answer to a token that was replaced meanwhile says nothing of the new one. */
export function refused(token: string): void {
  if (token !== getToken()) return;
  for (const listener of refusals) listener();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A part of a path: run ids hold slashes. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}
