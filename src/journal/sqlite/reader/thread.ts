import { parentPort, workerData } from "node:worker_threads";
import { openForReading } from "../database.ts";
import { toPlainError, type PlainError } from "../failure.ts";
import { createCallReader, type ReaderCall } from "./calls.ts";

/** The thread that reads for people, so that a long list never holds up the event loop or the writer. */
export interface ReaderRequest {
  readonly id: number;
  readonly call: ReaderCall;
}

export interface ReaderReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: PlainError;
}

const port = parentPort;
if (port === null) throw new Error("the reader of a journal runs in a thread of its own");
const path = workerData as string;
let read: ((call: ReaderCall) => unknown) | undefined;

port.on("message", ({ id, call }: ReaderRequest) => {
  try {
    read ??= createCallReader(openForReading(path), path);
    port.postMessage({ id, value: read(call) } satisfies ReaderReply);
  } catch (error) {
    port.postMessage({ id, error: toPlainError(error, path) } satisfies ReaderReply);
  }
});
