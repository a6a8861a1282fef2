import { sleep, untilAborted, waitAtMost } from "../model/clock.ts";
import type { EmitOptions, Input, InputContext, InputReport, Receipt } from "../model/component.ts";
import { isPermanentError, SluiceError, toErrorRecord, type ErrorRecord } from "../model/errors.ts";
import { isoTime, type EventInit } from "../model/event.ts";
import { redactError } from "../model/mask.ts";
import { inputChanged } from "./diagnostics.ts";
import type { InputHost } from "./input-host.ts";
import { backOff } from "./retry-policy.ts";
import { toLagRow, type InputRow, type InputState, type LagRow } from "./rows.ts";
import type { ResolvedInputSettings } from "./settings.ts";
import { SilenceWatch } from "./silence-watch.ts";

const RESTART = { initial: 1_000, max: 60_000, factor: 2 };
/** An input that ran this long had recovered: its back-off starts anew. */
const STEADY = 60_000;
/**
 * More failures than this within the window make it `failed`: it is tried again, at the longest back-off only, and
 * stays `failed` until it has run steadily or an operator restarts it.
 */
const FAILURES_LIMIT = 10;
const FAILURES_WINDOW = 300_000;

/** States that a pause does not change. In all others an input is paused as soon as it was told to end. */
const AT_REST: ReadonlySet<InputState> = new Set(["finished", "failed", "stopped"]);

/** States in which nobody needs to wait for it to listen. */
const SETTLED: ReadonlySet<InputState> = new Set(["running", "paused", "finished", "failed", "stopped"]);

/** Keeps one input listening: starts it, starts it anew when it fails, and knows how it is. */
export class SupervisedInput {
  readonly input: Input;
  readonly settings: ResolvedInputSettings;
  /** The operations that it lets through; `undefined` for all. */
  readonly operations: ResolvedInputSettings["operations"];
  readonly #host: InputHost;
  #state: InputState = "stopped";
  #restarts = 0;
  #lastError: ErrorRecord | null = null;
  #lastEventAt: number | undefined;
  #lag: LagRow | null = null;
  readonly #silence: SilenceWatch;
  #paused: boolean;
  #stopped = true;
  /** Ends the current `handle`. */
  #handling: AbortController | undefined;
  /** Whether the current `handle` may emit: not once it has ended, or was given up. */
  #alive = { current: false };
  /** Ends the current wait: a back-off, or being paused. */
  #waiting: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();
  #failures: number[] = [];
  #onChange: (() => void)[] = [];
  #failsOften = false;

  constructor(host: InputHost, input: Input, settings: ResolvedInputSettings, paused: boolean) {
    this.#host = host;
    this.input = input;
    this.settings = settings;
    this.operations = settings.operations;
    this.#paused = paused || !settings.enabled;
    this.#silence = new SilenceWatch({
      clock: host.clock,
      expectEvery: settings.expectEvery,
      isListening: () => this.#state === "running",
      onSilent: (expectEvery) => this.#reportSilence(expectEvery),
    });
  }

  row(): InputRow {
    return {
      name: this.input.name,
      type: this.input.type ?? "custom",
      state: this.#paused && !AT_REST.has(this.#state) ? "paused" : this.#state,
      restarts: this.#restarts,
      lastEventAt: this.#lastEventAt === undefined ? null : isoTime(this.#lastEventAt),
      lastError: this.#lastError,
      silent: this.#silence.isSilent,
      lag: this.#lag,
    };
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#silence.start();
    this.#loop = this.#supervise();
  }

  /** Ends it; resolves when its `handle` has returned, or after `grace` milliseconds. */
  async stop(grace: number): Promise<void> {
    this.#stopped = true;
    this.#silence.stop();
    this.#interrupt();
    await waitAtMost(this.#host.clock, grace, this.#loop);
    this.#alive.current = false;
    this.#become("stopped");
  }

  pause(): void {
    this.#paused = true;
    this.#handling?.abort(new SluiceError("SHUTDOWN", `input "${this.input.name}" is paused`));
    this.#waiting?.abort();
  }

  resume(): void {
    this.#paused = false;
    this.#silence.expectAnew();
    this.#waiting?.abort();
  }

  /**
   * Resolves when it listens; at once if it is paused or finished.
   *
   * @throws SluiceError INPUT_FAILED if it has failed, NOT_RUNNING if it is stopped
   */
  async ready(): Promise<void> {
    while (!SETTLED.has(this.#state)) await new Promise<void>((resolve) => this.#onChange.push(resolve));
    const { name } = this.input;
    if (this.#state === "stopped") throw new SluiceError("NOT_RUNNING", `input "${name}" is stopped`);
    if (this.#state === "failed") {
      throw new SluiceError("INPUT_FAILED", `input "${name}" has failed: ${this.#lastError?.message}`);
    }
  }

  /** Starts it anew, whatever it does now; a failed or finished one too. */
  restart(): void {
    this.#failures = [];
    this.#failsOften = false;
    if (this.#state === "finished" && !this.#stopped) this.#loop = this.#supervise();
    else this.#interrupt();
  }

  #interrupt(): void {
    this.#handling?.abort(new SluiceError("SHUTDOWN", `input "${this.input.name}" is stopped`));
    this.#waiting?.abort();
  }

  async #supervise(): Promise<void> {
    while (!this.#stopped) {
      if (this.#paused) {
        this.#become("paused");
        await this.#wait(undefined);
        continue;
      }
      const finished = await this.#listenOnce();
      if (finished) return;
    }
  }

  /** One life of the input. Answers whether it is finished for good. */
  async #listenOnce(): Promise<boolean> {
    const handling = new AbortController();
    this.#handling = handling;
    const began = this.#host.clock.monotonic();
    const alive = { current: true };
    this.#alive = alive;
    try {
      this.#become("standby");
      const lease = await this.#host.lease(`input:${this.input.name}`, handling.signal);
      if (lease === undefined) return false;
      const lost = (): void => handling.abort(lease.signal.reason);
      lease.signal.addEventListener("abort", lost, { once: true });
      try {
        this.#become(this.input.announcesReady === true ? "starting" : "running");
        await this.input.handle(this.#context(handling.signal, alive));
      } finally {
        alive.current = false;
        lease.signal.removeEventListener("abort", lost);
        await lease.release();
      }
      if (handling.signal.aborted) return false;
      this.#become("finished");
      return true;
    } catch (error) {
      if (!handling.signal.aborted) await this.#failed(error, this.#host.clock.monotonic() - began);
      return false;
    } finally {
      this.#handling = undefined;
    }
  }

  async #failed(error: unknown, lived: number): Promise<void> {
    const now = this.#host.clock.monotonic();
    if (lived >= STEADY) {
      this.#failures = [];
      this.#failsOften = false;
    }
    this.#failures = [...this.#failures.filter((time) => now - time < FAILURES_WINDOW), now];
    this.#failsOften ||= this.#failures.length > FAILURES_LIMIT;
    this.#lastError = redactError(toErrorRecord(error), this.#host.redact);
    const hopeless = isPermanentError(error);
    if (!hopeless) this.#restarts += 1;
    const failed = hopeless || this.#failsOften;
    this.#become(failed ? "failed" : "backing off");
    const delay = failed
      ? RESTART.max
      : backOff(RESTART, this.#failures.length) * (0.5 + this.#host.random() / 2);
    const next = hopeless
      ? "it is not started again by itself"
      : `it is started again in ${Math.ceil(delay / 1_000)} s`;
    this.#host.errors.reportThrown(error, "INPUT_FAILED", `input "${this.input.name}" failed and ${next}`, {
      input: this.input.name,
    });
    await this.#wait(hopeless ? undefined : delay);
  }

  async #wait(delay: number | undefined): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    if (this.#stopped) return;
    if (delay === undefined) await untilAborted(waiting.signal);
    else await sleep(this.#host.clock, delay, waiting.signal);
    this.#waiting = undefined;
  }

  #become(state: InputState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const resolve of this.#onChange.splice(0)) resolve();
    if (!inputChanged.hasSubscribers) return;
    inputChanged.publish({
      pipeline: this.#host.pipeline,
      input: this.input.name,
      state,
      error: this.#lastError,
    });
  }

  #context(signal: AbortSignal, alive: { current: boolean }): InputContext {
    const host = this.#host;
    const { name } = this.input;
    const emitAll = async (events: readonly EventInit[], options?: EmitOptions): Promise<Receipt[]> => {
      this.#checkAlive(alive);
      return host.emitAll(name, events, options);
    };
    return {
      name,
      pipeline: host.pipeline,
      journalId: host.journalId,
      signal,
      log: host.logger(name),
      clock: host.clock,
      random: host.random,
      state: host.state(name),
      engine: host.engine,
      emit: async (event, options) => {
        this.#checkAlive(alive);
        return host.emit(name, event, options);
      },
      emitAll,
      ready: () => {
        if (alive.current && !signal.aborted) this.#become("running");
      },
      report: (report) => {
        if (alive.current && !signal.aborted) this.#heed(report);
      },
    };
  }

  #heed({ lag, error, standby }: InputReport): void {
    if (lag !== undefined) this.#lag = toLagRow(lag, this.#host.clock.now());
    if (error !== undefined) this.#lastError = redactError(toErrorRecord(error), this.#host.redact);
    if (standby === true) this.#become("standby");
  }

  #checkAlive(alive: { current: boolean }): void {
    if (alive.current) return;
    throw new SluiceError("SHUTDOWN", `input "${this.input.name}" emitted after it had ended`);
  }

  /** To be called for every event that is emitted by it, or in its name. */
  heard(now: number): void {
    this.#lastEventAt = now;
    this.#silence.heard();
  }

  #reportSilence(expectEvery: number): void {
    const { name } = this.input;
    const message = `input "${name}" has been silent for longer than its expect_every of ${expectEvery} ms`;
    this.#host.errors.report(new SluiceError("INPUT_SILENT", message, { details: { input: name } }));
  }
}
