import { sleep, waitAtMost, type Clock } from "../model/clock.ts";
import type { Process, ProcessOwner } from "../model/component.ts";
import { SluiceError, toErrorRecord, type ErrorRecord } from "../model/errors.ts";
import { redactError, type Redact } from "../model/mask.ts";
import type { ErrorStream } from "./error-stream.ts";
import { backOff } from "./retry-policy.ts";

/** How long a process may take to open at the one try that it has, in milliseconds. */
const PATIENCE = 30_000;
const AGAIN = { initial: 500, max: 30_000, factor: 2 };

export interface OpeningOptions {
  readonly process: Process;
  /** What the process is told of who opens it. */
  readonly owner: ProcessOwner;
  readonly clock: Clock;
  readonly errors: ErrorStream;
  readonly redact: Redact;
}

/** Opens a process before its first run, again and again until that works, and lets go of what it holds once. */
export class Opening {
  readonly #options: OpeningOptions;
  readonly #stopping = new AbortController();
  #opening: Promise<boolean> | undefined;
  #isOpen = false;
  #isDisposed = false;
  #lastError: ErrorRecord | null = null;

  constructor(options: OpeningOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the last try failed: it is tried again, and no run begins until that works. */
  get isBackingOff(): boolean {
    return !this.#isOpen && this.#lastError !== null;
  }

  get lastError(): ErrorRecord | null {
    return this.#lastError;
  }

  /** Opens it once, however many ask. Answers `false` if it was told to stop before that worked. */
  open(): Promise<boolean> {
    return (this.#opening ??= this.#tryToOpen());
  }

  /**
   * Opens it by one try, for who would rather do without it than wait.
   *
   * @throws what the process throws, or SluiceError TIMEOUT after {@link PATIENCE}
   */
  async openNow(): Promise<void> {
    const { process, clock } = this.#options;
    this.#opening = this.#openOnce();
    // Disposed of too early, it is still closed once it has opened.
    this.#opening.catch(() => undefined);
    await waitAtMost(clock, PATIENCE, this.#opening);
    if (this.#isOpen) return;
    await this.dispose();
    throw new SluiceError("TIMEOUT", `process "${process.name}" did not open within ${PATIENCE / 1_000} s`);
  }

  /** The process takes nothing more: if it is not open by now, it need not be. */
  stop(): void {
    this.#stopping.abort();
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (this.#isOpen) await this.#close();
  }

  async #tryToOpen(): Promise<boolean> {
    const { signal } = this.#stopping;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        return await this.#openOnce();
      } catch (error) {
        await this.#failed(error, failures);
      }
    }
    return false;
  }

  /** Answers `false` if it was disposed of meanwhile. @throws what the process throws */
  async #openOnce(): Promise<boolean> {
    const { process, owner } = this.#options;
    await process.open?.(owner);
    if (this.#isDisposed) await this.#close();
    else this.#isOpen = true;
    return this.#isOpen;
  }

  async #failed(error: unknown, failures: number): Promise<void> {
    const { process, errors, redact, clock } = this.#options;
    this.#lastError = redactError(toErrorRecord(error), redact);
    errors.reportThrown(error, "RUN_FAILED", `process "${process.name}" could not be opened; trying again`);
    await sleep(clock, backOff(AGAIN, failures), this.#stopping.signal);
  }

  async #close(): Promise<void> {
    const { process, errors } = this.#options;
    try {
      await process.close?.();
    } catch (error) {
      errors.reportThrown(error, "RUN_FAILED", `process "${process.name}" could not be closed`);
    }
  }
}
