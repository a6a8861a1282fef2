import { Worker } from "node:worker_threads";
import { SluiceError } from "../../../model/errors.ts";
import type { History } from "../../history.ts";
import type { HeldClaim } from "../client/held-claim.ts";
import { fromPlainError } from "../failure.ts";
import type { ReaderCall } from "./calls.ts";
import type { ReaderReply, ReaderRequest } from "./thread.ts";

/** Asks one question. */
export type Ask = (method: ReaderCall["method"], argument?: unknown, query?: unknown) => Promise<unknown>;

/** The port `History`, over whatever answers its questions. */
export function createHistory(ask: Ask): History {
  return {
    events: (query) => ask("events", query) as ReturnType<History["events"]>,
    event: (uid) => ask("event", uid) as ReturnType<History["event"]>,
    journey: (uid) => ask("journey", uid) as ReturnType<History["journey"]>,
    runs: (query) => ask("runs", query) as ReturnType<History["runs"]>,
    run: (id) => ask("run", id) as ReturnType<History["run"]>,
    attempts: (run) => ask("attempts", run) as ReturnType<History["attempts"]>,
    logs: (run, query) => ask("logs", run, query) as ReturnType<History["logs"]>,
    deadLetters: () => ask("deadLetters") as ReturnType<History["deadLetters"]>,
    seen: (query) => ask("seen", query) as ReturnType<History["seen"]>,
    counters: () => ask("counters") as ReturnType<History["counters"]>,
  };
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: SluiceError): void;
}

/**
 * History through a thread that is started at the first question.
 *
 * @param keptSince since when no event that was accepted has been pruned
 */
export function createHistoryClient(
  path: string,
  claims: Iterable<HeldClaim>,
  keptSince: () => number,
): { readonly history: History; close(): Promise<void> } {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let isClosed = false;
  let next = 0;

  function start(): Worker {
    const self = import.meta.url;
    const thread = new URL(`./thread${self.slice(self.lastIndexOf("."))}`, self);
    const started = new Worker(thread, { workerData: path, name: "sluice-journal-reader", execArgv: [] });
    started.on("message", ({ id, value, error }: ReaderReply) => {
      const one = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) started.unref();
      if (error === undefined) one?.resolve(value);
      else one?.reject(fromPlainError(error));
    });
    started.on("error", (error) => lose(`its reader failed: ${String(error)}`));
    started.on("exit", () => lose("its reader ended"));
    return started;
  }

  function lose(why: string): void {
    worker = undefined;
    const error = new SluiceError(isClosed ? "JOURNAL_CLOSED" : "JOURNAL_IO", `journal ${path}: ${why}`);
    for (const one of waiting.values()) one.reject(error);
    waiting.clear();
  }

  const ask: Ask = (method, argument, query) => {
    if (isClosed) return Promise.reject(new SluiceError("JOURNAL_CLOSED", `journal ${path} is closed`));
    const thread = (worker ??= start());
    if (waiting.size === 0) thread.ref();
    const id = next++;
    const taken = [...claims].map(({ key, fence, attempt, takenAt }) => ({
      key,
      fence,
      attempt,
      startedAt: takenAt,
    }));
    const call: ReaderCall = { method, argument, query, taken, keptSince: keptSince() };
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      thread.postMessage({ id, call } satisfies ReaderRequest);
    });
  };

  return {
    history: createHistory(ask),
    async close() {
      isClosed = true;
      await worker?.terminate();
    },
  };
}
