import type { IncomingMessage } from "node:http";
import { createLineReader } from "../../child/lines.ts";
import { sleep, type Clock } from "../../model/clock.ts";
import { ApiError, type Api } from "./api.ts";
import type { ApiObject, List } from "./objects.ts";

/** The server ends a watch after so many seconds; one that is silent for longer has lost its connection. */
const LENGTH = 60;
const PATIENCE = 15_000;
const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;
const PAGE = 500;
/** Milliseconds after which a list is made anew, whatever the watch says: should it have left something out. */
const RELIST = 5 * 60_000;
/** An object of the API server has 1.5 MB at most (etcd's limit). */
const LONGEST_MESSAGE = 4 * 1024 * 1024;

export interface Watched<Item extends ApiObject> {
  /** Resolves when what there is has been read once. @throws ApiError if that failed */
  readonly ready: Promise<void>;
  close(): void;
  /** The objects as last seen, by their uid. */
  readonly items: ReadonlyMap<string, Item>;
}

export interface WatchTarget {
  readonly api: Api;
  readonly clock: Clock;
  readonly resource: "jobs" | "pods";
  readonly path: string;
  readonly labelSelector: string;
}

export interface WatchListener<Item> {
  /** Told of what was missed, too; of an object that is gone with `undefined`. */
  changed(item: Item | undefined, uid: string): void;
  /** Everything was read anew. */
  listed?(): void;
  /** Told once when the connection is lost, with what happened, and once when it is back. */
  trouble?(error: Error | undefined): void;
}

/**
 * Sees all objects of a kind that have some labels: lists them, then watches from there on. A watch that ends goes on
 * where it was; one whose past the server has forgotten (410 Gone) begins with a list again, as any does now and then;
 * while the server is away it is tried again for as long as it takes.
 */
export function watchObjects<Item extends ApiObject>(
  target: WatchTarget,
  listener: WatchListener<Item>,
): Watched<Item> {
  const { clock } = target;
  const closing = new AbortController();
  const items = new Map<string, Item>();
  const first = Promise.withResolvers<void>();
  // Who does not wait for it is not told of it.
  first.promise.catch(() => undefined);

  function put(item: Item): void {
    items.set(item.metadata.uid, item);
    listener.changed(item, item.metadata.uid);
  }

  function remove(uid: string): void {
    if (items.delete(uid)) listener.changed(undefined, uid);
  }

  async function list(): Promise<string> {
    const seen = new Set<string>();
    for (let page: string | undefined; ;) {
      const query = {
        labelSelector: target.labelSelector,
        limit: String(PAGE),
        ...(page && { continue: page }),
      };
      const { path, resource } = target;
      const answer = await target.api.call<List<Item>>({
        verb: "list",
        resource,
        method: "GET",
        path,
        query,
      });
      if (closing.signal.aborted) return "";
      for (const item of answer.items) {
        seen.add(item.metadata.uid);
        put(item);
      }
      page = answer.metadata.continue;
      if (page !== undefined && page !== "") continue;
      for (const uid of items.keys()) if (!seen.has(uid)) remove(uid);
      listener.listed?.();
      return answer.metadata.resourceVersion;
    }
  }

  /** Follows the changes from a version on; answers with the last one seen. */
  async function follow(from: string, onOpen: () => void): Promise<string> {
    let version = from;
    await openWatch(target, from, closing.signal, onOpen, (type, object) => {
      if (type === "ERROR") {
        const { code, message } = object as unknown as { code?: number; message?: string };
        throw new WatchError(message ?? "the watch ended with an error", code);
      }
      const item = object as Item;
      version = item.metadata.resourceVersion;
      if (type === "DELETED") remove(item.metadata.uid);
      else if (type === "ADDED" || type === "MODIFIED") put(item);
    }).catch((error: unknown) => {
      throw Object.assign(error as Error, { version });
    });
    return version;
  }

  async function run(): Promise<void> {
    let version: string | undefined;
    let failures = 0;
    let isRead = false;
    let listAt = 0;
    while (!closing.signal.aborted) {
      try {
        if (version === undefined || clock.monotonic() >= listAt) {
          version = await list();
          listAt = clock.monotonic() + RELIST;
        }
        if (!isRead) first.resolve();
        isRead = true;
        version = await follow(version, () => {
          if (failures > 1) listener.trouble?.(undefined);
          failures = 0;
        });
      } catch (error) {
        if (closing.signal.aborted) return;
        if (!isRead) throw error;
        // What was seen up to the break need not be read again, unless the server says that it is gone.
        version = isForgotten(error) ? undefined : ((error as { version?: string }).version ?? version);
        if (isGone(error)) continue;
        failures += 1;
        if (failures === 2) listener.trouble?.(error as Error);
        await sleep(clock, Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (failures - 1)), closing.signal);
      }
    }
  }

  void run().catch((error: unknown) => first.reject(error));
  return {
    ready: first.promise,
    items,
    close: () => closing.abort(),
  };
}

/** Said by the watch itself. */
class WatchError extends Error {
  readonly status: number | undefined;
  constructor(message: string, status: number | undefined) {
    super(message);
    this.status = status;
  }
}

/** The server has forgotten what was before the version that was asked for. */
function isGone(error: unknown): boolean {
  return (error instanceof ApiError || error instanceof WatchError) && error.status === 410;
}

/** Statuses of a server that is busy or away, whatever it is asked. */
const BUSY: ReadonlySet<number | undefined> = new Set([undefined, 429, 500, 502, 503]);

/** The server may not go on from there, whether or not it says so: its store may be an older one, from a backup. */
function isForgotten(error: unknown): boolean {
  return error instanceof WatchError || (error instanceof ApiError && !BUSY.has(error.status));
}

async function openWatch(
  { api, clock, path, resource, labelSelector }: WatchTarget,
  resourceVersion: string,
  signal: AbortSignal,
  onOpen: () => void,
  onMessage: (type: string, object: ApiObject) => void,
): Promise<void> {
  const query = {
    watch: "1",
    allowWatchBookmarks: "true",
    timeoutSeconds: String(LENGTH),
    labelSelector,
    resourceVersion,
  };
  const over = new AbortController();
  const end = AbortSignal.any([signal, over.signal]);
  const timer = clock.setTimer(LENGTH * 1000 + PATIENCE, () =>
    over.abort(new Error("the watch fell silent")),
  );
  let answer: IncomingMessage | undefined;
  try {
    answer = await api.stream({ verb: "watch", resource, method: "GET", path, query }, end);
    onOpen();
    const reader = createLineReader(LONGEST_MESSAGE, (line) => {
      if (line === "" || signal.aborted) return;
      const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: ApiObject };
      onMessage(type, object);
    });
    for await (const chunk of answer) reader.push(chunk as Buffer);
  } finally {
    timer.cancel();
    answer?.destroy();
  }
}
