import { SluiceError } from "../model/errors.ts";
import type { Journal, JournalDriver } from "../journal/journal.ts";
import { pipelineChanged } from "./diagnostics.ts";
import type { Setup } from "./setup.ts";
import type { OrchestratorState } from "./rows.ts";
import { Runtime } from "./runtime.ts";

/** Starts and stops a pipeline, in whatever order that is asked for: its journal, and over it the runtime. */
export class Lifecycle {
  readonly #setup: Setup;
  readonly #driver: JournalDriver;
  #state: OrchestratorState = "new";
  #runtime: Runtime | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #onStopped: (() => void)[] = [];

  constructor(setup: Setup, driver: JournalDriver) {
    this.#setup = setup;
    this.#driver = driver;
  }

  get state(): OrchestratorState {
    return this.#state;
  }

  /** `undefined` while the journal is not open. */
  get runtime(): Runtime | undefined {
    return this.#runtime;
  }

  /** @throws SluiceError NOT_RUNNING */
  running(): Runtime {
    if (this.#runtime !== undefined) return this.#runtime;
    const cure = this.#state === "starting" ? "try again in a moment" : "start it first";
    throw new SluiceError("NOT_RUNNING", `pipeline "${this.#setup.name}" is ${this.#state}; ${cure}`);
  }

  /**
   * @param idle starts neither inputs nor processes
   * @throws SluiceError ALREADY_STARTED, or what the journal's driver throws
   */
  async start(idle = false): Promise<void> {
    if (this.#state !== "new" && this.#state !== "stopped") {
      throw new SluiceError("ALREADY_STARTED", `pipeline "${this.#setup.name}" is ${this.#state} already`);
    }
    this.#become("starting");
    this.#stopping = undefined;
    this.#starting = this.#start(idle);
    await this.#starting;
  }

  /**
   * Stopping twice waits for the first; stopping what was never started does nothing.
   *
   * @param grace milliseconds for what runs
   */
  async stop(grace: number): Promise<void> {
    if (this.#state === "new") return;
    this.#stopping ??= this.#stop(grace);
    await this.#stopping;
  }

  /** Resolves when `stop` has ended. */
  async stopped(): Promise<void> {
    if (this.#state === "stopped") return;
    await new Promise<void>((resolve) => this.#onStopped.push(resolve));
  }

  async #start(idle: boolean): Promise<void> {
    const { clock, random, logger } = this.#setup;
    let journal: Journal | undefined;
    try {
      journal = await this.#driver.open({ clock, random, logger });
      this.#runtime = new Runtime(this.#setup, journal);
      await this.#runtime.start(idle);
      this.#become("running");
    } catch (error) {
      await this.#abandonStart(journal);
      throw error;
    }
  }

  async #abandonStart(journal: Journal | undefined): Promise<void> {
    try {
      if (this.#runtime === undefined) await journal?.close();
      else await this.#runtime.stop(0);
    } catch (error) {
      this.#setup.errors.reportThrown(error, "JOURNAL_IO", "what had been started could not be stopped");
    } finally {
      this.#runtime = undefined;
      this.#become("stopped");
    }
  }

  async #stop(grace: number): Promise<void> {
    if (this.#state === "starting") await this.#starting?.catch(() => undefined);
    if (this.#runtime === undefined) return;
    this.#become("stopping");
    try {
      await this.#runtime.stop(grace);
    } finally {
      this.#runtime = undefined;
      this.#become("stopped");
    }
  }

  #become(state: OrchestratorState): void {
    this.#state = state;
    if (pipelineChanged.hasSubscribers) pipelineChanged.publish({ pipeline: this.#setup.name, state });
    if (state === "stopped") for (const resolve of this.#onStopped.splice(0)) resolve();
  }
}
