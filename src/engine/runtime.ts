import { SluiceError } from "../model/errors.ts";
import type { EngineView } from "../model/engine-view.ts";
import type { Logger } from "../model/logger.ts";
import type { Change } from "../journal/coordination.ts";
import type { Journal } from "../journal/journal.ts";
import { pipelineChanged } from "./diagnostics.ts";
import { restartCarefully } from "./careful-restart.ts";
import { Completion } from "./completion.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Emitter, type EmitSource } from "./emitter.ts";
import { EventReplays } from "./event-replay.ts";
import type { InputHost } from "./input-host.ts";
import type { LaneHost } from "./lane.ts";
import { Operator } from "./operator.ts";
import type { Setup } from "./setup.ts";
import { Routing } from "./routing.ts";
import { RunningComponents } from "./running-components.ts";
import { Settler } from "./settler.ts";
import { SharedSlots } from "./shared-slots.ts";
import { Supervisor } from "./supervisor.ts";
import { Surveys } from "./surveys.ts";
import { PipelineVersion } from "./version.ts";

/** A running pipeline keeps its process alive, whatever its journal: this timer does nothing else. */
const KEEP_ALIVE_INTERVAL = 2_147_483_647;

/** A process as the source of what is emitted in its name. */
const PROCESS_SOURCE: EmitSource = { operations: undefined, heard: () => undefined };

/** How long outcomes may take to become durable at a stop, in milliseconds. */
const SETTLE_PATIENCE = 500;

/** An orchestrator's parts while its journal is open: made at start, gone after stop. */
export class Runtime {
  readonly journal: Journal;
  readonly emitter: Emitter;
  readonly dispatcher: Dispatcher;
  readonly supervisor: Supervisor;
  readonly operator: Operator;
  readonly eventReplays: EventReplays;
  readonly completion: Completion;
  readonly surveys: Surveys;
  readonly version: PipelineVersion;
  readonly components: RunningComponents;
  readonly #setup: Setup;
  readonly #settler: Settler;
  readonly #stopping = new AbortController();
  readonly #unwatch: () => void;
  readonly #keepAlive: NodeJS.Timeout = setInterval(() => undefined, KEEP_ALIVE_INTERVAL);
  #careful: Promise<void> = Promise.resolve();

  constructor(setup: Setup, journal: Journal) {
    const { clock, random, errors, newUid, name: pipeline } = setup;
    const { work } = journal;
    this.#setup = setup;
    this.journal = journal;
    this.version = new PipelineVersion(work);
    const routing = new Routing({
      route: (source) => setup.components.topology.route(source),
      isOrdered: (process) => setup.components.isOrdered(process),
      hopLimit: setup.hopLimit,
    });
    this.emitter = new Emitter({
      pipeline,
      work,
      routing,
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
      logger: (input) => componentLogger(setup.logger, { input }),
      current: (input) => setup.components.current(input),
    });
    this.#settler = new Settler({ work, clock, random, errors });
    this.completion = new Completion(journal, () => this.#settler.pending > 0);
    const operating = {
      work,
      history: journal.history,
      clock,
      isOrdered: (process: string) => setup.components.isPerhapsOrdered(process),
      stopping: this.#stopping.signal,
    };
    this.operator = new Operator(operating);
    this.eventReplays = new EventReplays({
      ...operating,
      pipeline,
      routing,
      expectProcess: (name) => setup.components.expectRoutable(name),
    });
    this.dispatcher = new Dispatcher(this.#laneHost());
    this.supervisor = new Supervisor(this.#inputHost());
    this.components = new RunningComponents({
      components: setup.components,
      journal,
      supervisor: this.supervisor,
      dispatcher: this.dispatcher,
      routing,
      surveys: this.surveys,
      version: this.version,
      settler: this.#settler,
      completion: this.completion,
      grace: setup.grace,
    });
    this.#unwatch = journal.coordination.watch((change) => this.#changed(change));
  }

  /** @param idle starts neither inputs nor processes: the journal is owned, and that is all */
  async start(idle: boolean): Promise<void> {
    await this.version.load();
    await this.refreshVersion();
    // What was added while the journal was being read is there already.
    this.components.addAll();
    if (idle) return;
    this.supervisor.start();
    this.#careful = this.#startDispatching();
  }

  /** Tells who listens that another version runs now. */
  announce(version: number): void {
    if (!pipelineChanged.hasSubscribers) return;
    pipelineChanged.publish({ pipeline: this.#setup.name, state: "running", version });
  }

  report(error: unknown): void {
    this.#setup.errors.reportThrown(error, "RUN_FAILED", "a part of the pipeline could not be exchanged");
  }

  /** To be called after every change of the pipeline: attempts that begin from now on record it. */
  refreshVersion(): Promise<void> {
    return this.version.update(this.#setup.components.describe());
  }

  async stop(grace: number): Promise<void> {
    this.#stopping.abort(new SluiceError("SHUTDOWN", "the pipeline stops; what was done is kept"));
    await this.#careful;
    await Promise.all([this.surveys.stop(grace), this.supervisor.stop(grace), this.dispatcher.stop(grace)]);
    const patience = this.#setup.clock.setTimer(SETTLE_PATIENCE, () => this.#settler.close());
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
    const { errors, clock, logger } = this.#setup;
    const { work } = this.journal;
    try {
      if (!this.journal.stoppedCleanly) {
        await restartCarefully({
          pipeline: this.#setup.name,
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
    this.#setup.components.expect(name);
    return PROCESS_SOURCE;
  }

  #laneHost(): LaneHost {
    const { name, clock, random, newUid, errors, grace, concurrency, redact } = this.#setup;
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
      logger: (process) => componentLogger(this.#setup.logger, { process }),
      log: (claim, text, stream) => this.#settler.log({ claim, time: clock.now(), stream, text }),
      emitNow: (event, dedupe) => this.emitter.emitRecord(event, dedupe),
      append: (event) => this.emitter.append(event),
      progress: () => this.completion.progress(),
      pause: (process) => void this.#pause(process),
    };
  }

  #inputHost(): InputHost {
    const { name, clock, random, errors, redact, logger } = this.#setup;
    const { emitter, journal } = this;
    return {
      pipeline: name,
      journalId: journal.id,
      clock,
      random,
      errors,
      redact,
      engine: this.#view(),
      logger: (input) => componentLogger(logger, { input }),
      state: (owner) => emitter.state(owner),
      lease: (lease, signal) => journal.coordination.lease(lease, signal),
      emit: (input, event, options) => emitter.emit(input, event, options),
      emitAll: (input, events, options) => emitter.emitAll(input, events, options),
    };
  }

  /** What an input may see of the pipeline that it belongs to. */
  #view(): EngineView {
    const { components } = this.#setup;
    return {
      inputs: () => this.supervisor.rows(),
      processes: () => this.components.processRows(),
      deadLetters: () => this.journal.history.deadLetters(),
      graph: () => components.topology.graph(),
      health: () => this.journal.health(),
    };
  }

  async #pause(name: string): Promise<void> {
    try {
      await this.journal.work.commit({ control: [{ type: "pause", name }] });
    } catch (error) {
      this.#setup.errors.reportThrown(error, "JOURNAL_IO", `process "${name}" asked to be paused`);
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
        this.#setup.errors.reportThrown(change.error, "JOURNAL_IO", "the journal cannot write for now");
        break;
      case "healthy":
        this.#setup.logger.info({}, "the journal writes again");
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
