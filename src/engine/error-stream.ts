import { isSluiceError, SluiceError } from "../model/errors.ts";
import type { ErrorCode } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import { errorReported } from "./diagnostics.ts";

const KEPT = 1_000;

/**
 * Errors that nobody awaits: of inputs, of listeners, of settling. Reporting one never blocks and never throws;
 * a reader that falls behind loses the oldest.
 */
export class ErrorStream {
  readonly #pipeline: string;
  readonly #logger: Logger;
  readonly #listeners = new Set<(error: SluiceError) => void>();

  constructor(pipeline: string, logger: Logger) {
    this.#pipeline = pipeline;
    this.#logger = logger;
  }

  report(error: SluiceError): void {
    this.#logger.error({ code: error.code, ...error.details, err: error }, error.message);
    if (errorReported.hasSubscribers) errorReported.publish({ pipeline: this.#pipeline, error });
    for (const listener of this.#listeners) {
      try {
        listener(error);
      } catch (thrown) {
        this.#logger.error({ err: thrown }, "a listener for errors threw");
      }
    }
  }

  /** Reports anything that was thrown, saying what it means: a SluiceError keeps its code, others get `code`. */
  reportThrown(thrown: unknown, code: ErrorCode, what: string, details: Record<string, unknown> = {}): void {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const kept = isSluiceError(thrown) ? thrown.code : code;
    this.report(new SluiceError(kept, `${what}: ${message}`, { cause: thrown, details }));
  }

  onError(listener: (error: SluiceError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async *errors(signal?: AbortSignal): AsyncGenerator<SluiceError, void, undefined> {
    const kept: SluiceError[] = [];
    let wake: (() => void) | undefined;
    const end = this.onError((error) => {
      if (kept.length === KEPT) kept.shift();
      kept.push(error);
      wake?.();
    });
    const onAbort = (): void => wake?.();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      while (signal?.aborted !== true) {
        const error = kept.shift();
        if (error !== undefined) yield error;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      end();
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
