import { sleep, waitAtMost, type Clock } from "../model/clock.ts";
import type { Process } from "../model/component.ts";
import { SluiceError, toErrorRecord, type ErrorRecord } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import { redactError, type Redact } from "../model/mask.ts";
import type { ErrorStream } from "./error-stream.ts";
import { backOff } from "./retry-policy.ts";

/** How long a process may take to open at the one try that it has, in milliseconds. */
const PATIENCE = 30_000;
const AGAIN = { initial: 500, max: 30_000, factor: 2 };

/** What all openings of an engine have in common. */
export interface OpeningHost {
  readonly pipeline: string;
  readonly journalId: string;
  readonly epoch: number;
  readonly clock: Clock;
  readonly errors: ErrorStream;
  readonly redact: Redact;
  logger(process: string): Logger;
}

/** Opens a process before its first run, again and again until that works, and lets go of what it holds once. */
export class Opening {
  readonly #host: OpeningHost;
  readonly #process: Process;
  readonly #stopping = new AbortController();
  #opening: Promise<boolean> | undefined;
  #isOpen = false;
  #isDisposed = false;
  #lastError: ErrorRecord | null = null;

  constructor(host: OpeningHost, process: Process) {
    this.#host = host;
    this.#process = process;
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
    this.#opening = this.#openOnce();
    // Disposed of too early, it is still closed once it has opened.
    this.#opening.catch(() => undefined);
    await waitAtMost(this.#host.clock, PATIENCE, this.#opening);
    if (this.#isOpen) return;
    await this.dispose();
    const message = `process "${this.#process.name}" did not open within ${PATIENCE / 1_000} s`;
    throw new SluiceError("TIMEOUT", message);
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
    const { pipeline, journalId, epoch } = this.#host;
    const log = this.#host.logger(this.#process.name);
    await this.#process.open?.({ pipeline, journalId, epoch, log });
    if (this.#isDisposed) await this.#close();
    else this.#isOpen = true;
    return this.#isOpen;
  }

  async #failed(error: unknown, failures: number): Promise<void> {
    const { errors, redact, clock } = this.#host;
    const { name } = this.#process;
    this.#lastError = redactError(toErrorRecord(error), redact);
    errors.reportThrown(error, "RUN_FAILED", `process "${name}" could not be opened; trying again`);
    await sleep(clock, backOff(AGAIN, failures), this.#stopping.signal);
  }

  async #close(): Promise<void> {
    const { name } = this.#process;
    try {
      await this.#process.close?.();
    } catch (error) {
      this.#host.errors.reportThrown(error, "RUN_FAILED", `process "${name}" could not be closed`);
    }
  }
}
