// What runs in a thread of the pool: loads the function, and gives it a context whose other half is in the main thread.
import { loadExport } from "../../child/module.ts";
import type { Clock } from "../../model/clock.ts";
import type { Receipt, RunContext } from "../../model/component.ts";
import type { EventInit } from "../../model/event.ts";
import type { LogStream } from "../../model/run.ts";
import type { ProcessStatus } from "../../model/status.ts";
import {
  fromPlainError,
  toPlainError,
  type Answer,
  type AttemptTask,
  type FromThread,
  type Task,
  type ToThread,
} from "./messages.ts";

/** Characters of log after which nothing more is sent: the engine keeps fewer. */
const LOG_LIMIT = 2_000_000;
const LINE_COST = 100;
/** Milliseconds between two messages of progress. */
const PROGRESS_INTERVAL = 100;

export async function work({ module, attempt }: Task): Promise<Answer> {
  const context = attempt === undefined ? undefined : createContext(attempt);
  try {
    const run = await loadExport(module);
    if (attempt === undefined) return { status: undefined };
    context?.signal.throwIfAborted();
    // Copied here, so that what cannot be copied fails the attempt and not the thread.
    return { status: structuredClone(await run(attempt.event, context)) as ProcessStatus | undefined };
  } catch (error) {
    return { error: toPlainError(error) };
  } finally {
    attempt?.port.close();
  }
}

function createContext({
  port,
  run,
  attempt,
  fence,
  deadline,
  traceparent,
  journalId,
}: AttemptTask): RunContext {
  const controller = new AbortController();
  const waiting = new Map<number, PromiseWithResolvers<Receipt>>();
  let emitted = 0;
  const send = (message: FromThread): void => port.postMessage(message);
  port.on("message", (message: ToThread) => {
    if (message.type === "abort") {
      controller.abort(fromPlainError(message.reason));
      return;
    }
    const { id } = message;
    const receipt = waiting.get(id);
    waiting.delete(id);
    if (message.type === "receipt") receipt?.resolve(message.receipt);
    else receipt?.reject(fromPlainError(message.error));
  });

  function emit(event: EventInit, options?: { now?: boolean; key?: string }): Promise<Receipt> | undefined {
    if (options?.now !== true) {
      send({ type: "emit", event });
      return undefined;
    }
    const id = emitted;
    emitted += 1;
    const receipt = Promise.withResolvers<Receipt>();
    send({ type: "emitNow", id, event, key: options.key as string });
    waiting.set(id, receipt);
    return receipt.promise;
  }

  return {
    run,
    attempt,
    fence,
    deadline,
    traceparent,
    ...(journalId !== undefined && { journalId }),
    signal: controller.signal,
    clock,
    log: createLog(send),
    progress: createProgress(send),
    emit: emit as RunContext["emit"],
  };
}

function createLog(send: (message: FromThread) => void): RunContext["log"] {
  let logged = 0;
  return (value: unknown, stream: LogStream = "log") => {
    if (logged > LOG_LIMIT) return;
    const text = typeof value === "string" ? value : String(value);
    logged += Math.max(text.length, LINE_COST);
    send({ type: "log", text, stream });
  };
}

function createProgress(send: (message: FromThread) => void): RunContext["progress"] {
  let last = Number.NEGATIVE_INFINITY;
  return (done, total, text) => {
    const now = performance.now();
    if (now - last < PROGRESS_INTERVAL && done !== total) return;
    last = now;
    send({
      type: "progress",
      done,
      ...(total !== undefined && { total }),
      ...(text !== undefined && { text }),
    });
  };
}

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delay, callback) {
    const timer = setTimeout(callback, delay);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
