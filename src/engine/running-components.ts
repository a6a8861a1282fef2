import type { Journal } from "../journal/journal.ts";
import type { Completion } from "./completion.ts";
import type { Components, RegisteredInput, RegisteredProcess } from "./components.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Opening } from "./opening.ts";
import { openRuns, processRow } from "./process-rows.ts";
import type { Routing } from "./routing.ts";
import type { ProcessRow } from "./rows.ts";
import type { Settler } from "./settler.ts";
import type { Supervisor } from "./supervisor.ts";
import type { Surveys } from "./surveys.ts";
import type { PipelineVersion } from "./version.ts";

export interface RunningComponentsOptions {
  readonly components: Components;
  readonly journal: Journal;
  readonly supervisor: Supervisor;
  readonly dispatcher: Dispatcher;
  readonly routing: Routing;
  readonly surveys: Surveys;
  readonly version: PipelineVersion;
  readonly settler: Settler;
  readonly completion: Completion;
  /** Milliseconds that an input has to end. */
  readonly grace: number;
}

/** Adds, exchanges and ends inputs and processes while the journal is open, and knows what is open of each. */
export class RunningComponents {
  readonly #options: RunningComponentsOptions;
  #changing: Promise<void> = Promise.resolve();

  constructor(options: RunningComponentsOptions) {
    this.#options = options;
  }

  /** One change of the pipeline at a time. */
  exclusively<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change);
    this.#changing = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** Those that were registered and are not here yet. */
  addAll(): void {
    const { components, dispatcher, supervisor } = this.#options;
    for (const registered of components.processes.values()) {
      if (dispatcher.lane(registered.process.name) === undefined) this.addProcess(registered);
    }
    for (const registered of components.inputs.values()) {
      if (supervisor.input(registered.input.name) === undefined) this.addInput(registered);
    }
  }

  addInput({ input, settings }: RegisteredInput): void {
    this.#options.supervisor.add(input, settings, this.#isPaused(input.name));
  }

  addProcess(registered: RegisteredProcess): void {
    this.#options.dispatcher.add(registered, this.#isPaused(registered.process.name));
  }

  /** Nothing goes on by what was registered before. To be called after every change, before anything is awaited. */
  changed(): void {
    this.#options.routing.reset();
    this.#options.surveys.endOutdated();
  }

  /** Adds an input, or ends the one of its name and starts this one in its place. */
  async putInput({ input, settings }: RegisteredInput): Promise<void> {
    const { supervisor, grace } = this.#options;
    await supervisor.replace(input, settings, () => this.#isPaused(input.name), grace);
  }

  /** Adds a process that is open already, or lets it take the place of the one of its name. */
  putProcess(registered: RegisteredProcess, opening: Opening): void {
    const { dispatcher } = this.#options;
    const { name } = registered.process;
    const paused = this.#isPaused(name);
    const lane = dispatcher.lane(name);
    if (lane === undefined) dispatcher.add(registered, paused, opening);
    else lane.replace(registered, opening, paused);
  }

  /** Ends an input, and what is left of it. */
  async removeInput(name: string): Promise<void> {
    const { supervisor, grace } = this.#options;
    await supervisor.remove(name, grace);
    this.#forget(name);
  }

  /** Nothing is routed to it any more: what it still runs, it runs under the last version that had it. */
  retireProcess(name: string, lastVersion: number): void {
    this.#options.dispatcher.lane(name)?.retire(lastVersion);
  }

  /**
   * Ends a process that was retired: finishes its open runs or cancels them, then lets go of it. Should a change bring
   * back one of its name meanwhile, that one has the runs.
   */
  async endProcess(name: string, open: "drain" | "cancel"): Promise<void> {
    const { components, completion, dispatcher } = this.#options;
    await this.#routedIsDurable();
    if (open === "cancel") await this.#cancelOpen(name);
    const isBack = (): boolean => !components.isRetired(name);
    await completion.until(async () => isBack() || (await this.openRuns(name)) === 0);
    await dispatcher.lane(name)?.quiet();
    await this.exclusively(async () => {
      if (isBack()) return;
      await dispatcher.remove(name);
      this.#forget(name);
    });
  }

  async openRuns(process: string): Promise<number> {
    const { runs } = await this.#options.journal.history.counters();
    return openRuns(runs[process] ?? {});
  }

  async processRows(): Promise<readonly ProcessRow[]> {
    const { components, dispatcher, journal } = this.#options;
    const { runs } = await journal.history.counters();
    return [...dispatcher.lanes()].map((lane) => {
      return processRow(lane, runs[lane.name] ?? {}, components.isRetired(lane.name));
    });
  }

  /** What was routed until now is durable once a later commit is: then open runs can be counted. */
  async #routedIsDurable(): Promise<void> {
    await this.#options.settler.cut();
    await this.#options.version.confirm();
  }

  async #cancelOpen(name: string): Promise<void> {
    const reason = { code: "CANCELLED", message: `process "${name}" was removed` };
    const { work } = this.#options.journal;
    await work.commit({ control: [{ type: "cancelOpen", process: name, reason }] });
  }

  #isPaused(name: string): boolean {
    return this.#options.journal.coordination.paused().has(name);
  }

  #forget(name: string): void {
    this.#options.components.remove(name);
    this.changed();
  }
}
