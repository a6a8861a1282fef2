import { isSluiceError, SluiceError, toErrorRecord } from "../model/errors.ts";
import type { ErrorCode } from "../model/errors.ts";
import { silentLogger, type Logger } from "../model/logger.ts";
import { errorReported } from "./diagnostics.ts";
import type { ErrorListener } from "./handles.ts";

const KEPT = 1_000;

/**
 * Errors that nobody awaits: of inputs, of listeners, of settling. Reporting one never blocks and never throws;
 * a reader that falls behind loses the oldest.
 */
export class ErrorStream {
  readonly #pipeline: string;
  readonly #logger: Logger;
  readonly #listeners = new Set<ErrorListener>();

  constructor(pipeline: string, logger: Logger) {
    this.#pipeline = pipeline;
    this.#logger = logger;
  }

  report(error: SluiceError): void {
    const fields = { code: error.code, ...error.details };
    // The message tells all of it; what is worth a stack is what was thrown. That can be anything, even what a
    // logger cannot read.
    const err = error.cause ?? error;
    if (!this.#log({ ...fields, err }, error.message)) this.#log(fields, error.message);
    if (errorReported.hasSubscribers) errorReported.publish({ pipeline: this.#pipeline, error });
    for (const listener of this.#listeners) this.#tell(listener, error);
    if (this.#listeners.size === 0 && this.#logger === silentLogger) warnOfUnheard(error);
  }

  #tell(listener: ErrorListener, error: SluiceError): void {
    const failed = (thrown: unknown): void => {
      const { code, message } = toErrorRecord(thrown);
      this.#log({ code }, `a listener for errors threw: ${message}`);
    };
    try {
      // An async function is a listener, too: what it rejects with must not end the host.
      const answer = listener(error) as unknown;
      if (answer instanceof Promise) answer.catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  /** A logger is the user's own code: it may throw. Answers whether it did not. */
  #log(fields: object, message: string): boolean {
    try {
      this.#logger.error(fields, message);
      return true;
    } catch {
      return false;
    }
  }

  /** Reports anything that was thrown, saying what it means: a SluiceError keeps its code, others get `code`. */
  reportThrown(thrown: unknown, code: ErrorCode, what: string, details: Record<string, unknown> = {}): void {
    const kept = isSluiceError(thrown) ? thrown.code : code;
    this.report(
      new SluiceError(kept, `${what}: ${toErrorRecord(thrown).message}`, { cause: thrown, details }),
    );
  }

  onError(listener: ErrorListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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

/** Without a logger and a listener an input that cannot connect would fail in silence: Node tells on stderr. */
function warnOfUnheard(error: SluiceError): void {
  process.emitWarning(error.message, { type: "SluiceWarning", code: error.code });
}
