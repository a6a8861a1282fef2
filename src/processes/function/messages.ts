import type { MessagePort } from "node:worker_threads";
import type { ModuleOptions } from "../../child/module.ts";
import type { Receipt, RunInfo } from "../../model/component.ts";
import {
  isPermanentError,
  isRetryAfter,
  isSluiceError,
  PermanentError,
  RetryAfter,
  SluiceError,
  toErrorRecord,
  type ErrorCode,
} from "../../model/errors.ts";
import type { Event, EventInit } from "../../model/event.ts";
import type { LogStream } from "../../model/run.ts";
import type { ProcessStatus } from "../../model/status.ts";

/** What a thread is asked to do: to run a function for an event, or only to load it. */
export interface Task {
  readonly module: ModuleOptions;
  readonly attempt?: AttemptTask;
}

export interface AttemptTask {
  readonly event: Event;
  readonly run: RunInfo;
  readonly attempt: number;
  readonly fence: number;
  readonly deadline: number | undefined;
  readonly traceparent: string;
  readonly journalId: string | undefined;
  /** Everything else goes over it, in both directions; the thread closes it when it is done. */
  readonly port: MessagePort;
}

export type Answer =
  | { readonly status: ProcessStatus | undefined; readonly error?: undefined }
  | { readonly error: PlainError };

export type FromThread =
  | { readonly type: "log"; readonly text: string; readonly stream: LogStream }
  | { readonly type: "progress"; readonly done: number; readonly total?: number; readonly text?: string }
  | { readonly type: "emit"; readonly event: EventInit }
  | { readonly type: "emitNow"; readonly id: number; readonly event: EventInit; readonly key: string };

export type ToThread =
  | { readonly type: "abort"; readonly reason: PlainError }
  | { readonly type: "receipt"; readonly id: number; readonly receipt: Receipt }
  | { readonly type: "refused"; readonly id: number; readonly error: PlainError };

/** An error as data: a copy between threads loses its class, and with it what the engine does about it. */
export interface PlainError {
  readonly kind: "permanent" | "retryAfter" | "sluice" | "other";
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly stack?: string;
  readonly delay?: number;
  readonly pauseProcess?: boolean;
}

export function toPlainError(error: unknown): PlainError {
  const { code, message } = toErrorRecord(error);
  const { name, stack } = error instanceof Error ? error : { name: "Error", stack: undefined };
  const plain = { name: String(name), code, message, ...(stack !== undefined && { stack }) };
  if (isPermanentError(error)) return { ...plain, kind: "permanent", pauseProcess: error.pauseProcess };
  if (isRetryAfter(error)) return { ...plain, kind: "retryAfter", delay: error.delay };
  return { ...plain, kind: isSluiceError(error) ? "sluice" : "other" };
}

export function fromPlainError({ kind, name, code, message, stack, delay, pauseProcess }: PlainError): Error {
  const error = make();
  if (stack !== undefined) error.stack = stack;
  return error;

  function make(): Error {
    switch (kind) {
      case "permanent":
        return new PermanentError(message, { code, pauseProcess: pauseProcess ?? false });
      case "retryAfter":
        return new RetryAfter(message, { code, delay: delay ?? 0 });
      case "sluice":
        return new SluiceError(code as ErrorCode, message);
      default:
        return Object.assign(new Error(message), { name, code });
    }
  }
}
