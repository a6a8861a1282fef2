import type { Clock } from "../model/clock.ts";
import { SluiceError } from "../model/errors.ts";
import type { EngineView } from "../model/engine-view.ts";
import type { Logger } from "../model/logger.ts";
import type { Redact } from "../model/mask.ts";
import type { NewUid, Random } from "../model/uid.ts";
import type { Change } from "../journal/coordination.ts";
import type { Journal } from "../journal/journal.ts";
import { pipelineChanged } from "./diagnostics.ts";
import { restartCarefully } from "./careful-restart.ts";
import type { Components, RegisteredInput, RegisteredProcess } from "./components.ts";
import { Completion } from "./completion.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Emitter, type EmitSource } from "./emitter.ts";
import { EventReplays } from "./event-replay.ts";
import type { ErrorStream } from "./error-stream.ts";
import type { LaneHost } from "./lane.ts";
import type { Opening } from "./opening.ts";
import { Operator } from "./operator.ts";
import { openRuns, processRow } from "./process-rows.ts";
import { Routing } from "./routing.ts";
import type { ProcessRow } from "./rows.ts";
import { Settler } from "./settler.ts";
import { SharedSlots } from "./shared-slots.ts";
import { Supervisor } from "./supervisor.ts";
import { Surveys } from "./surveys.ts";
import { PipelineVersion } from "./version.ts";

/** What an orchestrator was told, before and while it runs. */
export interface Plan {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly newUid: NewUid;
  readonly logger: Logger;
  readonly errors: ErrorStream;
  readonly components: Components;
  readonly concurrency: number | undefined;
  /** Milliseconds. */
  readonly grace: number;
  readonly hopLimit: number;
  readonly redact: Redact;
}

/** A running pipeline keeps its process alive, whatever its journal: this timer does nothing else. */
const KEEP_ALIVE_INTERVAL = 2_147_483_647;

/** A process as the source of what is emitted in its name. */
const PROCESS_SOURCE: EmitSource = { operations: undefined, heard: () => undefined };

/** How long outcomes may take to become durable at a stop, in milliseconds. */
const SETTLE_PATIENCE = 500;

/** An orchestrator's parts while its journal is open: made at start, gone after stop. */
export class Runtime {
  readonly journal: Journal;
  readonly routing: Routing;
  readonly emitter: Emitter;
  readonly dispatcher: Dispatcher;
  readonly supervisor: Supervisor;
  readonly operator: Operator;
  readonly eventReplays: EventReplays;
  readonly completion: Completion;
  readonly surveys: Surveys;
  readonly version: PipelineVersion;
  readonly #plan: Plan;
  readonly #settler: Settler;
  readonly #stopping = new AbortController();
  readonly #unwatch: () => void;
  readonly #keepAlive: NodeJS.Timeout = setInterval(() => undefined, KEEP_ALIVE_INTERVAL);
  #careful: Promise<void> = Promise.resolve();
  #changing: Promise<void> = Promise.resolve();

  constructor(plan: Plan, journal: Journal) {
    const { clock, random, errors, newUid, redact, name: pipeline } = plan;
    const { work } = journal;
    this.#plan = plan;
    this.journal = journal;
    this.version = new PipelineVersion(work);
    this.routing = new Routing({
      route: (source) => plan.components.topology.route(source),
      isOrdered: (process) => this.#isOrdered(process),
      hopLimit: plan.hopLimit,
    });
    this.emitter = new Emitter({
      pipeline,
      work,
      routing: this.routing,
      clock,
      newUid,
      source: (source) => this.#source(source),
    });
    this.surveys = new Surveys({
      pipeline,
      journal,
      emitter: this.emitter,
      clock,
      random,
      logger: (input) => componentLogger(plan.logger, { input }),
    });
    this.#settler = new Settler({ work, clock, random, errors });
    this.completion = new Completion(journal, () => this.#settler.pending > 0);
    const operating = {
      work,
      history: journal.history,
      clock,
      isOrdered: (process: string) => this.#isPerhapsOrdered(process),
      stopping: this.#stopping.signal,
    };
    this.operator = new Operator(operating);
      pipeline,
    this.eventReplays = new EventReplays({
      ...operating,
      routing: this.routing,
      expectProcess: (name) => this.#expectProcess(name),
    });
    this.dispatcher = new Dispatcher(this.#laneHost());
    this.supervisor = new Supervisor({
      pipeline,
      journalId: journal.id,
      clock,
      random,
      errors,
      redact,
      engine: this.#view(),
      logger: (input) => componentLogger(plan.logger, { input }),
      state: (owner) => this.emitter.state(owner),
      lease: (lease, signal) => journal.coordination.lease(lease, signal),
      emit: (input, event, options) => this.emitter.emit(input, event, options),
      emitAll: (input, events, options) => this.emitter.emitAll(input, events, options),
    });
    this.#unwatch = journal.coordination.watch((change) => this.#changed(change));
  }

  /** @param idle starts neither inputs nor processes: the journal is owned, and that is all */
  async start(idle: boolean): Promise<void> {
    const { inputs, processes } = this.#plan.components;
    await this.version.load();
    await this.refreshVersion();
    // What was added while the journal was being read is there already.
    for (const registered of processes.values()) {
      if (this.dispatcher.lane(registered.process.name) === undefined) this.addProcess(registered);
    }
    for (const registered of inputs.values()) {
      if (this.supervisor.input(registered.input.name) === undefined) this.addInput(registered);
    }
    if (idle) return;
    this.supervisor.start();
    this.#careful = this.#startDispatching();
  }

  addInput({ input, settings }: RegisteredInput): void {
    this.supervisor.add(input, settings, this.#isPaused(input.name));
  }

  addProcess(registered: RegisteredProcess): void {
    this.dispatcher.add(registered, this.#isPaused(registered.process.name));
  }

  /** Adds an input, or ends the one of its name and starts this one in its place. */
  async putInput({ input, settings }: RegisteredInput): Promise<void> {
    const { name } = input;
    await this.supervisor.replace(input, settings, () => this.#isPaused(name), this.#plan.grace);
  }

  /** Adds a process that is open already, or lets it take the place of the one of its name. */
  putProcess(registered: RegisteredProcess, opening: Opening): void {
    const { name } = registered.process;
    const paused = this.#isPaused(name);
    const lane = this.dispatcher.lane(name);
    if (lane === undefined) this.dispatcher.add(registered, paused, opening);
    else lane.replace(registered, opening, paused);
  }

  /** Ends an input, and what is left of it. */
  async removeInput(name: string): Promise<void> {
    await this.supervisor.remove(name, this.#plan.grace);
    this.#plan.components.remove(name);
    this.routing.reset();
  }

  /**
   * Ends a process that was retired: finishes its open runs or cancels them, then lets go of it. Should a change bring
   * back one of its name meanwhile, that one has the runs.
   */
  async endProcess(name: string, open: "drain" | "cancel"): Promise<void> {
    const { components } = this.#plan;
    await this.#routedIsDurable();
    if (open === "cancel") await this.#cancelOpen(name);
    const isBack = (): boolean => !components.isRetired(name);
    await this.completion.until(async () => isBack() || (await this.openRuns(name)) === 0);
    await this.dispatcher.lane(name)?.quiet();
    await this.exclusively(async () => {
      if (isBack()) return;
      await this.dispatcher.remove(name);
      components.remove(name);
      this.routing.reset();
    });
  }

  /** Tells who listens that another version runs now. */
  announce(version: number): void {
    if (!pipelineChanged.hasSubscribers) return;
    pipelineChanged.publish({ pipeline: this.#plan.name, state: "running", version });
  }

  #expectProcess(name: string): void {
    const { components } = this.#plan;
    components.expect(name, "process");
    if (!components.isRetired(name)) return;
    throw new SluiceError("UNKNOWN_NAME", `process "${name}" is on its way out and takes nothing more`);
  }

  report(error: unknown): void {
    this.#plan.errors.reportThrown(error, "RUN_FAILED", "a part of the pipeline could not be exchanged");
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

  /** What was routed until now is durable once a later commit is: then open runs can be counted. */
  async #routedIsDurable(): Promise<void> {
    await this.#settler.cut();
    await this.version.confirm();
  }

  async #cancelOpen(name: string): Promise<void> {
    const reason = { code: "CANCELLED", message: `process "${name}" was removed` };
    await this.journal.work.commit({ control: [{ type: "cancelOpen", process: name, reason }] });
  }

  /**
   * Ends a process to which nothing is routed any more; resolves when it has no open runs and is closed.
   * Its runs are finished unless they are to be cancelled.
   */
  async removeProcess(name: string, open: "drain" | "cancel" | undefined): Promise<void> {
    await this.#routedIsDurable();
    if (open === "cancel") await this.#cancelOpen(name);
    else await this.completion.until(async () => (await this.openRuns(name)) === 0);
    await this.dispatcher.remove(name);
  }

  async processes(): Promise<readonly ProcessRow[]> {
    const { runs } = await this.journal.history.counters();
    const { components } = this.#plan;
    return [...this.dispatcher.lanes()].map((lane) => {
      return processRow(lane, runs[lane.name] ?? {}, components.isRetired(lane.name));
    });
  }

  async openRuns(process: string): Promise<number> {
    const { runs } = await this.journal.history.counters();
    return openRuns(runs[process] ?? {});
  }

  /** To be called after every change of the pipeline: attempts that begin from now on record it. */
  refreshVersion(): Promise<void> {
    return this.version.update(this.#plan.components.describe());
  }

  async stop(grace: number): Promise<void> {
    this.#stopping.abort(new SluiceError("SHUTDOWN", "the pipeline stops; what was done is kept"));
    await this.#careful;
    await Promise.all([this.surveys.stop(grace), this.supervisor.stop(grace), this.dispatcher.stop(grace)]);
    const patience = this.#plan.clock.setTimer(SETTLE_PATIENCE, () => this.#settler.close());
    await this.#settler.drain();
    patience.cancel();
    this.#settler.close();
    this.#unwatch();
    clearInterval(this.#keepAlive);
    try {
      await this.journal.close();
    } finally {
      this.completion.close();
    }
  }

  async #startDispatching(): Promise<void> {
    const { errors, clock, logger } = this.#plan;
    const { work } = this.journal;
    try {
      if (!this.journal.stoppedCleanly) {
        await restartCarefully({
          pipeline: this.#plan.name,
          work,
          history: this.journal.history,
          dispatcher: this.dispatcher,
          errors,
          clock,
          logger,
          signal: this.#stopping.signal,
        });
      }
    } catch (error) {
      errors.reportThrown(error, "JOURNAL_IO", "the careful restart was cut short");
      await work.admit().catch(() => undefined);
    }
    if (!this.#stopping.signal.aborted) this.dispatcher.start();
  }

  #source(name: string): EmitSource {
    const input = this.supervisor.input(name);
    if (input !== undefined) return input;
    this.#plan.components.expect(name);
    return PROCESS_SOURCE;
  }

  #isPaused(name: string): boolean {
    return this.journal.coordination.paused().has(name);
  }

  #isOrdered(process: string): boolean {
    return this.#plan.components.processes.get(process)?.settings.ordered === true;
  }

  /** Of a process that is gone nobody knows; should it come back, order does no harm, and its lack may. */
  #isPerhapsOrdered(process: string): boolean {
    return this.#plan.components.processes.get(process)?.settings.ordered !== false;
  }

  #laneHost(): LaneHost {
    const { name, clock, random, newUid, errors, grace, concurrency, redact } = this.#plan;
    const { journal } = this;
    return {
      pipeline: name,
      journalId: journal.id,
      keepsDeadFor: journal.keepsDeadFor,
      epoch: journal.epoch,
      clock,
      random,
      newUid,
      work: journal.work,
      settler: this.#settler,
      errors,
      grace,
      redact,
      shared: concurrency === undefined ? undefined : new SharedSlots(concurrency),
      version: () => this.version.current,
      logger: (process) => componentLogger(this.#plan.logger, { process }),
      log: (claim, text, stream) => this.#settler.log({ claim, time: clock.now(), stream, text }),
      emitNow: (event, dedupe) => this.emitter.emitRecord(event, dedupe),
      append: (event) => this.emitter.append(event),
      progress: () => this.completion.progress(),
      pause: (process) => void this.#pause(process),
    };
  }

  /** What an input may see of the pipeline that it belongs to. */
  #view(): EngineView {
    const { components } = this.#plan;
    return {
      inputs: () => this.supervisor.rows(),
      processes: () => this.processes(),
      deadLetters: () => this.journal.history.deadLetters(),
      graph: () => components.topology.graph(),
      health: () => this.journal.health(),
    };
  }

  async #pause(name: string): Promise<void> {
    try {
      await this.journal.work.commit({ control: [{ type: "pause", name }] });
    } catch (error) {
      this.#plan.errors.reportThrown(error, "JOURNAL_IO", `process "${name}" asked to be paused`);
    }
  }

  #changed(change: Change): void {
    switch (change.type) {
      case "cancelled":
        this.dispatcher.lane(change.process)?.cancel(change.fence, change.message);
        break;
      case "paused":
        this.dispatcher.lane(change.name)?.pause();
        this.supervisor.input(change.name)?.pause();
        break;
      case "resumed":
        this.dispatcher.lane(change.name)?.resume();
        this.supervisor.input(change.name)?.resume();
        break;
      case "progress":
        this.completion.progress();
        break;
      case "unhealthy":
        this.#plan.errors.reportThrown(change.error, "JOURNAL_IO", "the journal cannot write for now");
        break;
      case "healthy":
        this.#plan.logger.info({}, "the journal writes again");
        break;
    }
  }
}

/** A logger that says whose lines they are. */
function componentLogger(logger: Logger, whose: object): Logger {
  return {
    debug: (fields, message) => logger.debug({ ...whose, ...fields }, message),
    info: (fields, message) => logger.info({ ...whose, ...fields }, message),
    warn: (fields, message) => logger.warn({ ...whose, ...fields }, message),
    error: (fields, message) => logger.error({ ...whose, ...fields }, message),
  };
}
