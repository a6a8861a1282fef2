import { once } from "node:events";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { Piscina } from "piscina";
import type { ModuleOptions } from "../../child/module.ts";
import type { Timer } from "../../model/clock.ts";
import type { Process, RunContext } from "../../model/component.ts";
import { isSluiceError, SluiceError } from "../../model/errors.ts";
import type { Event } from "../../model/event.ts";
import type { Logger } from "../../model/logger.ts";
import type { ProcessStatus } from "../../model/status.ts";
import {
  fromPlainError,
  toPlainError,
  type Answer,
  type FromThread,
  type Task,
  type ToThread,
} from "./messages.ts";

export interface IsolationOptions {
  /** Bytes of heap of a thread. */
  readonly memory: number;
  /** Milliseconds. */
  readonly killAfter: number;
}

type Pool = Piscina<Task, Answer>;
type TransferList = NonNullable<NonNullable<Parameters<Pool["run"]>[1]>["transferList"]>;

/** There are as many threads as attempts at a time; this is only what no process should ever need. */
const MOST_THREADS = 1_024;
/** Milliseconds after which an idle thread is ended. */
const IDLE = 30_000;
/** Milliseconds that loading the module may take before it counts as hung. */
const LOADING = 30_000;

/** A process whose attempts run in threads, one in each at a time. */
export function createIsolatedProcess(
  name: string,
  module: ModuleOptions,
  { memory, killAfter }: IsolationOptions,
): Process {
  let pool: Pool | undefined;

  async function run(event: Event, context: RunContext): Promise<ProcessStatus | undefined> {
    const { signal, clock, attempt, fence, deadline, traceparent, journalId } = context;
    pool ??= await createPool(memory);
    signal.throwIfAborted();
    const { port1: port, port2: theirs } = new MessageChannel();
    const closed = once(port, "close");
    const refused = serve(port, context);
    const kill = new AbortController();
    let patience: Timer | undefined;
    const abort = (): void => {
      send(port, { type: "abort", reason: toPlainError(signal.reason) });
      patience = clock.setTimer(killAfter, () => kill.abort());
    };
    signal.addEventListener("abort", abort, { once: true });
    const own = { event, run: context.run, attempt, fence, deadline, traceparent, journalId, port: theirs };
    try {
      // Its type is taken from the wrong overload of postMessage with the types of Node 26.
      const transferList = [theirs] as unknown as TransferList;
      const answer = await pool.run({ module, attempt: own }, { transferList, signal: kill.signal });
      if (answer.error !== undefined) throw fromPlainError(answer.error);
      // What it logged and emitted came over another channel than its answer.
      await closed;
      if (refused.length > 0) throw refused[0];
      return answer.status;
    } catch (error) {
      // What died with a thread is heard to its end; a port that no thread ever got is closed here.
      (kill.signal.aborted ? port : theirs).close();
      throw kill.signal.aborted ? outlasted(signal.reason, killAfter) : explain(error, name, memory);
    } finally {
      patience?.cancel();
      signal.removeEventListener("abort", abort);
      await closed;
    }
  }

  return {
    name,
    type: "function",
    async open({ log }) {
      pool ??= await createPool(memory, log);
      await load(pool, name, module, memory);
    },
    run,
    async close() {
      await pool?.destroy();
      pool = undefined;
    },
  };
}

/** Loads the module in a thread, and ends it: what stands outside of its functions must not run in this one either. */
export async function checkIsolated(module: ModuleOptions, memory: number): Promise<void> {
  const pool = await createPool(memory);
  try {
    await load(pool, module.module, module, memory);
  } finally {
    await pool.destroy();
  }
}

/** @throws SluiceError MODULE_NOT_FOUND, OUT_OF_MEMORY, PROCESS_EXIT */
async function load(pool: Pool, name: string, module: ModuleOptions, memory: number): Promise<void> {
  const hung = AbortSignal.timeout(LOADING);
  try {
    const { error } = await pool.run({ module }, { signal: hung });
    if (error !== undefined) throw fromPlainError(error);
  } catch (error) {
    if (!hung.aborted) throw explain(error, name, memory);
    const message = `${module.module} was not loaded within ${LOADING / 1_000} s: what stands outside of its functions does not end`;
    throw new SluiceError("MODULE_NOT_FOUND", message, { details: { path: ["module"] } });
  }
}

async function createPool(memory: number, log?: Logger): Promise<Pool> {
  const { Piscina } = await import("piscina");
  const self = import.meta.url;
  const pool: Pool = new Piscina<Task, Answer>({
    filename: new URL(`./thread${self.slice(self.lastIndexOf("."))}`, self).href,
    name: "work",
    minThreads: 0,
    maxThreads: MOST_THREADS,
    idleTimeout: IDLE,
    // Otherwise a thread without a task stands still, and with it what the module keeps open, such as connections.
    atomics: "disabled",
    recordTiming: false,
    resourceLimits: { maxOldGenerationSizeMb: Math.max(Math.floor(memory / 2 ** 20), 1) },
  });
  // What is thrown while a thread has no task: nothing waits for it, and the pool starts another.
  pool.on("error", (error: unknown) => log?.warn({ err: error }, "an idle thread ended"));
  return pool;
}

/** Does what the function asks of its context; answers what of it was refused. */
function serve(port: MessagePort, context: RunContext): unknown[] {
  const refused: unknown[] = [];
  port.on("message", (message: FromThread) => {
    switch (message.type) {
      case "log":
        context.log(message.text, message.stream);
        break;
      case "progress":
        context.progress(message.done, message.total, message.text);
        break;
      case "emit":
        try {
          context.emit(message.event);
        } catch (error) {
          refused.push(error);
        }
        break;
      case "emitNow": {
        const { id, event, key } = message;
        context.emit(event, { now: true, key }).then(
          (receipt) => send(port, { type: "receipt", id, receipt }),
          (error: unknown) => send(port, { type: "refused", id, error: toPlainError(error) }),
        );
      }
    }
  });
  return refused;
}

function send(port: MessagePort, message: ToThread): void {
  port.postMessage(message);
}

/** Why its thread was ended: it was told to end, and did not. */
function outlasted(reason: unknown, killAfter: number): unknown {
  if (!isSluiceError(reason, "TIMEOUT")) return reason;
  const message = `${reason.message}; the function went on after its signal aborted, so its thread was ended (kill_after, ${killAfter} ms)`;
  return new SluiceError("TIMEOUT", message, { cause: reason, details: reason.details });
}

function explain(error: unknown, name: string, memory: number): unknown {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code === "ERR_WORKER_OUT_OF_MEMORY") {
    const size = `${Math.floor(memory / 2 ** 20)} MiB`;
    return new SluiceError(
      "OUT_OF_MEMORY",
      `the thread of "${name}" reached its ${size} of heap (option memory)`,
      {
        cause: error,
      },
    );
  }
  const exit = /^worker exited with code: (\d+)$/.exec(String(message))?.[1];
  if (exit === undefined) return error;
  return new SluiceError(
    "PROCESS_EXIT",
    `the thread of "${name}" ended with code ${exit} before the function did: something in it called process.exit()`,
    { cause: error },
  );
}
