import { createCaller, type Caller, type CallerOptions } from "../client/caller.ts";
import { isSluiceError, SluiceError } from "../model/errors.ts";

/** Talks to a pipeline's API, wherever that is. */
export interface Client extends Caller {
  /** For people: `socket /path`, a URL, or `journal /path`. */
  readonly where: string;
  /** Whether the pipeline is stopped, and its journal is read instead. */
  readonly isStopped: boolean;
  /** Whether it is the owner's socket: through it, files of this machine may be named. */
  readonly isOwner: boolean;
  close(): Promise<void>;
}

export interface ClientOptions extends Pick<CallerOptions, "fetch" | "token"> {
  readonly where: string;
  /** Defaults to one that names no host: for who is not reached by one. */
  readonly url?: string;
  readonly isStopped?: boolean;
  readonly isOwner?: boolean;
  readonly close?: () => Promise<void>;
}

/** @throws SluiceError, from each call, with the code that the API answered */
export function createClient(options: ClientOptions): Client {
  const { where, fetch, token, url = "http://localhost", isStopped = false, isOwner = false } = options;
  const { close = () => Promise.resolve() } = options;
  const caller = createCaller({ url, where, token, fetch });
  return {
    where,
    isStopped,
    isOwner,
    close,
    get: (path, query) => caller.get<never>(path, query).catch(explain),
    post: (path, body, headers) => caller.post<never>(path, body, headers).catch(explain),
    put: (path, body, headers) => caller.put<never>(path, body, headers).catch(explain),
    remove: (path, query, headers) => caller.remove<never>(path, query, headers).catch(explain),
    work: (path, body, watcher) => caller.work<never, never>(path, body, watcher as never).catch(explain),
    events: (path, lastId, signal) => caller.events(path, lastId, signal),
  };

  function explain(error: unknown): never {
    if (!isSluiceError(error, "UNAUTHORIZED")) throw error;
    throw new SluiceError("UNAUTHORIZED", `${where} needs its token: give --token, or set SLUICE_TOKEN`);
  }
}
