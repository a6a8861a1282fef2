import { Worker } from "node:worker_threads";
import { SluiceError } from "../../../model/errors.ts";
import { fromPlainError } from "../failure.ts";
import type { FromWriter, Hello, ToWriter, WriterData } from "../layout.ts";

type Handler = (reply: FromWriter) => void;

/** The main thread's end of the writer: every message is answered by one, in order. */
export class WriterLink {
  readonly #worker: Worker;
  readonly #path: string;
  readonly #expected: { readonly onReply: Handler; readonly onLost: (error: SluiceError) => void }[] = [];
  #lost: SluiceError | undefined;
  readonly #exited: Promise<void>;

  private constructor(worker: Worker, path: string) {
    this.#worker = worker;
    this.#path = path;
    worker.on("message", (reply: FromWriter) => this.#expected.shift()?.onReply(reply));
    worker.on("error", (error) => this.#lose(error instanceof Error ? error : new Error(String(error))));
    this.#exited = new Promise((resolve) => {
      worker.on("exit", () => {
        this.#lose(new Error("its thread ended"));
        resolve();
      });
    });
  }

  /** Starts the thread; resolves once it owns the journal. @throws SluiceError what opening it threw */
  static start(data: WriterData): Promise<{ link: WriterLink; hello: Extract<Hello, { type: "hello" }> }> {
    const self = import.meta.url;
    const thread = new URL(`../writer/thread${self.slice(self.lastIndexOf("."))}`, self);
    const link = new WriterLink(
      new Worker(thread, { workerData: data, name: "sluice-journal-writer", execArgv: [] }),
      data.path,
    );
    return new Promise((resolve, reject) => {
      link.#expected.push({
        onReply: (reply) => {
          const hello = reply as unknown as Hello;
          if (hello.type === "hello") resolve({ link, hello });
          else reject(fromPlainError(hello.error));
        },
        onLost: reject,
      });
    });
  }

  send(message: ToWriter, onReply: Handler, onLost: (error: SluiceError) => void): void {
    if (this.#lost !== undefined) {
      onLost(this.#lost);
      return;
    }
    // First, for it throws what cannot be cloned; the answer comes in a later turn in any case.
    this.#worker.postMessage(message);
    this.#expected.push({ onReply, onLost });
  }

  ask<Value>(message: ToWriter): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.send(
        message,
        (reply) => {
          if (reply.type === "failed") reject(fromPlainError(reply.error));
          else resolve((reply as { value?: unknown }).value as Value);
        },
        reject,
      );
    });
  }

  /** Closes the journal's file, then ends the thread. */
  async close(cleanly: boolean): Promise<void> {
    if (this.#lost === undefined) await this.ask({ type: "close", cleanly });
    await this.#exited;
  }

  #lose(cause: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = new SluiceError(
      "JOURNAL_IO",
      `the writer of journal ${this.#path} is gone: ${cause.message}; start anew`,
      { cause },
    );
    for (const waiting of this.#expected.splice(0)) waiting.onLost(this.#lost);
  }
}
