import type { Clock } from "../model/clock.ts";
import type {
  EmitOptions,
  Input,
  InputSettings,
  LinkOptions,
  Process,
  ProcessSettings,
  Receipt,
} from "../model/component.ts";
import type { AuditReport, AuditRequest, BackfillReport, BackfillRequest } from "../model/survey.ts";
import { parseDuration, type Duration } from "../model/duration.ts";
import type { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";
import { silentLogger, type Logger } from "../model/logger.ts";
import type { Redact } from "../model/mask.ts";
import type { RunRow } from "../model/run.ts";
import { createUidSource, type Random } from "../model/uid.ts";
import type { History } from "../journal/history.ts";
import type { Journal, JournalDriver } from "../journal/journal.ts";
import type { Graph } from "../topology/types.ts";
import { Components, type RegisteredInput } from "./components.ts";
import { ErrorStream } from "./error-stream.ts";
import type {
  ChangeReceipt,
  ErrorListener,
  EventReplayReport,
  EventReplayRequest,
  ForgetReport,
  Hook,
  InputHandle,
  PipelineChange,
  ProcessHandle,
  ReplayFilter,
  ReplayOptions,
  RunOutcome,
  SurveyObserver,
} from "./handles.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { InputRow, OrchestratorState, ProcessRow } from "./rows.ts";
import { PipelineEditor } from "./pipeline-editor.ts";
import type { Setup } from "./setup.ts";
import { checkConcurrency } from "./settings.ts";
import { createSystemRandom, systemClock } from "./system.ts";
import { untilSignalled } from "./termination.ts";

export interface EngineOptions {
  /** The pipeline's name. Defaults to `pipeline`. */
  readonly name?: string;
  readonly journal: JournalDriver;
  /** Runs at a time over all processes; each keeps at least one slot. Defaults to no limit. */
  readonly concurrency?: number;
  /** How long `stop` waits for what runs. Defaults to 30s. */
  readonly grace?: Duration;
  /** Hops after which a loop is broken. Defaults to 32. */
  readonly hopLimit?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Defaults to one that says nothing. */
  readonly logger?: Logger;
  /**
   * Takes secrets out of what runs log, and out of errors of runs and inputs, before they are kept or shown.
   * Defaults to leaving them as they are.
   */
  readonly redact?: Redact;
  /**
   * What its maker knows the pipeline by, such as a hash of its config file: with another one it is another version,
   * even if all that is seen of it here is the same. Defaults to none.
   */
  readonly revision?: string;
}

/** What a survey that emits rows needs the input to let through. */
const READ = { read: "a row that is read becomes" };

/**
 * Orchestrates and supervises one pipeline inside this process: inputs, processes, the links between them, and the
 * journal under them. Components can be added and removed while it runs.
 */
export class Orchestrator implements AsyncDisposable {
  readonly name: string;
  /** Milliseconds. */
  readonly #grace: number;
  readonly #components: Components;
  readonly #errors: ErrorStream;
  readonly #lifecycle: Lifecycle;
  readonly #editor: PipelineEditor;

  /** @throws SluiceError INVALID_OPTIONS or INVALID_DURATION */
  constructor(options: EngineOptions) {
    const { clock = systemClock, random = createSystemRandom(), logger = silentLogger } = options;
    this.name = options.name ?? "pipeline";
    this.#errors = new ErrorStream(this.name, logger);
    this.#components = new Components(this.name, options.revision);
    this.#grace = parseDuration(options.grace ?? "30s");
    const setup: Setup = {
      name: this.name,
      clock,
      random,
      newUid: createUidSource(random),
      logger,
      errors: this.#errors,
      components: this.#components,
      concurrency: options.concurrency === undefined ? undefined : checkConcurrency(options.concurrency),
      grace: this.#grace,
      hopLimit: options.hopLimit ?? 32,
      redact: options.redact ?? ((text) => text),
    };
    this.#lifecycle = new Lifecycle(setup, options.journal);
    this.#editor = new PipelineEditor(setup, this.#lifecycle);
  }

  get state(): OrchestratorState {
    return this.#lifecycle.state;
  }

  /** @throws SluiceError INVALID_NAME, DUPLICATE_NAME, INVALID_OPTIONS … */
  addInput<Data>(input: Input<Data>, settings?: InputSettings): InputHandle<Data> {
    this.#editor.addInput(input, settings);
    return { name: input.name, role: "input" };
  }

  /** @throws SluiceError INVALID_NAME, DUPLICATE_NAME, INVALID_OPTIONS … */
  addProcess<Data, Emits>(
    process: Process<Data, Emits>,
    settings?: ProcessSettings,
  ): ProcessHandle<Data, Emits> {
    this.#editor.addProcess(process, settings);
    return { name: process.name, role: "process" };
  }

  /**
   * Lets events flow. Between handles the compiler checks that the process takes what the source carries; between
   * names only the names are checked.
   *
   * @throws SluiceError UNKNOWN_NAME, SELF_LINK, DUPLICATE_LINK, CYCLE, INVALID_EXPRESSION …
   */
  addLink<Data>(
    from: InputHandle<Data> | ProcessHandle<never, Data>,
    to: ProcessHandle<Data>,
    options?: LinkOptions,
  ): void;
  addLink(from: string, to: string, options?: LinkOptions): void;
  addLink(from: { name: string } | string, to: { name: string } | string, options: LinkOptions = {}): void {
    this.#editor.addLink(nameOf(from), nameOf(to), options);
  }

  /** Ends it, within the grace time; what it still emits until then is taken. Resolves when it is gone. */
  async removeInput(name: string): Promise<void> {
    await this.#editor.removeInput(name);
  }

  /**
   * Nothing is routed to it any more; what its open runs emit still is. Resolves when it is gone.
   *
   * @throws SluiceError OPEN_RUNS if it has open runs and nothing says what becomes of them: `drain` finishes them,
   * `cancel` cancels them.
   */
  async removeProcess(name: string, options: { readonly open?: "drain" | "cancel" } = {}): Promise<void> {
    await this.#editor.removeProcess(name, options.open);
  }

  removeLink(from: string, to: string): void {
    this.#editor.removeLink(from, to);
  }

  /**
   * Makes a running pipeline another one, all at once: what stays goes on untouched, what cannot be opened changes
   * nothing. Runs that have begun end with the process that they began with; queued and retried ones take the current.
   * Resolves once the change is durable and the inputs that changed have ended; `finished` when all that was removed is
   * gone.
   *
   * @throws SluiceError OPEN_RUNS as `removeProcess`, NOT_RUNNING, what a process throws that cannot be opened, and
   * whatever makes the changed pipeline invalid
   */
  async change(change: PipelineChange): Promise<ChangeReceipt> {
    return this.#editor.change(change);
  }

  /** Counts from 1, and grows whenever the pipeline is not what it was. @throws SluiceError NOT_RUNNING */
  get version(): number {
    return this.#lifecycle.running().version.current;
  }

  /**
   * Opens the journal and starts everything; resolves when the inputs have been started; `ready` tells when they listen.
   *
   * @throws SluiceError ALREADY_STARTED, JOURNAL_OWNED, JOURNAL_DAMAGED …
   */
  async start(): Promise<void> {
    await this.#lifecycle.start();
  }

  /**
   * Opens the journal as its owner, but starts neither inputs nor processes: for `backfill`, `audit` and `emit` on a
   * pipeline that is not running. What is emitted is done once it is started. Ended by `stop`, too.
   *
   * @throws SluiceError ALREADY_STARTED, JOURNAL_OWNED, JOURNAL_DAMAGED …
   */
  async open(): Promise<void> {
    await this.#lifecycle.start(true);
  }

  /**
   * Resolves when every input listens (or is paused, or finished): what happens from now on is seen.
   *
   * @throws SluiceError INPUT_FAILED if one has failed, NOT_RUNNING
   */
  async ready(): Promise<void> {
    await this.#lifecycle.running().supervisor.ready();
  }

  /** Starts, then waits until SIGTERM or SIGINT, or `stop()`. A second signal ends the process at once. */
  async run(): Promise<void> {
    await untilSignalled(this, () => this.start());
  }

  /**
   * Stops inputs, finishes what runs within the grace time, hands back the rest, closes the journal. Stopping twice
   * waits for the first; stopping what was never started does nothing.
   */
  async stop(options: { readonly grace?: Duration } = {}): Promise<void> {
    const { grace } = options;
    await this.#lifecycle.stop(grace === undefined ? this.#grace : parseDuration(grace));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Resolves when `stop` has ended. */
  async stopped(): Promise<void> {
    await this.#lifecycle.stopped();
  }

  /** Emits in the name of an input (or process); resolves when it is durable. */
  emit(name: string, event: EventInit, options?: EmitOptions): Promise<Receipt> {
    try {
      return this.#lifecycle.running().emitter.emit(name, event, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Resolves when every run of the event, and of what those runs emitted, is final. */
  settled(uid: string): Promise<readonly RunRow[]> {
    return this.#lifecycle.running().completion.settled(uid);
  }

  /** Resolves when nothing is queued, waiting, retrying or running. */
  idle(): Promise<void> {
    return this.#lifecycle.running().completion.idle();
  }

  /** Durable: what is paused stays so over restarts. */
  pause(name: string): Promise<void> {
    return this.#switch(name, "pause");
  }

  resume(name: string): Promise<void> {
    return this.#switch(name, "resume");
  }

  /** Starts an input anew, a failed or finished one too. */
  async restart(input: string): Promise<void> {
    this.#components.expect(input, "input");
    this.#lifecycle.running().supervisor.input(input)?.restart();
  }

  /**
   * Emits what is in an input's source already, as the operation `read`. Mixes with what the input tells itself: a
   * row never comes after a newer change of it. What was cut off is resumed by the next one.
   *
   * @throws SluiceError INVALID_OPTIONS, ALREADY_STARTED if one is under way, and what the input throws
   */
  async backfill(
    input: string,
    request: BackfillRequest = {},
    observer: SurveyObserver = {},
  ): Promise<BackfillReport> {
    const { surveys } = this.#lifecycle.running();
    return surveys.run("backfill", this.#registered(input), observer, READ, (one, context) =>
      one.backfill?.(context, request),
    );
  }

  /**
   * Compares an input's source with what the journal has seen of it, by key, and with `data` by what the newest events
   * carry; with `repair`, emits what is missing or differs.
   *
   * @throws SluiceError as `backfill`
   */
  async audit(
    input: string,
    request: AuditRequest = {},
    observer: SurveyObserver = {},
  ): Promise<AuditReport> {
    const { surveys } = this.#lifecycle.running();
    const { data = false, repair = false } = request;
    const needs = { ...(repair && READ), ...(data && { update: "a change of a row becomes" }) };
    return surveys.run("audit", this.#registered(input), observer, needs, (one, context) =>
      one.audit?.(context, request),
    );
  }

  async cancel(runs: readonly string[]): Promise<readonly RunOutcome[]> {
    return this.#lifecycle.running().operator.cancel(runs);
  }

  /** Reopens dead and cancelled runs; a succeeded one, or any with `data`, is run anew under a new id. */
  async replay(
    runs: readonly string[],
    options: { readonly data?: unknown } = {},
  ): Promise<readonly RunOutcome[]> {
    return this.#lifecycle.running().operator.replay(runs, options.data);
  }

  /** @throws SluiceError INVALID_QUERY for a filter that says nothing, INVALID_OPTIONS for a rate that is none */
  async replayAll(
    filter: ReplayFilter,
    options: ReplayOptions = {},
    observer: SurveyObserver = {},
  ): Promise<{ readonly matched: number; readonly replayed: number }> {
    return this.#lifecycle.running().operator.replayAll(filter, options, observer);
  }

  /**
   * Sends events of the past to a process, oldest first, as far as its links would carry them today. An event that has
   * a run there is left, so that what was cut off is gone on with by doing the same again.
   *
   * @throws SluiceError UNKNOWN_NAME, INVALID_QUERY for a filter that says nothing, INVALID_OPTIONS
   */
  async replayEvents(request: EventReplayRequest, observer: SurveyObserver = {}): Promise<EventReplayReport> {
    const { eventReplays } = this.#lifecycle.running();
    this.#components.expect(request.to, "process");
    return eventReplays.run(request, observer);
  }

  /**
   * Blanks payloads, headers, logs and error messages of all events with this ordering key (by default
   * `location/id`), for good. Events with an open run are left, and counted.
   */
  async forget(key: string): Promise<ForgetReport> {
    return this.#lifecycle.running().operator.forget(key);
  }

  inputs(): readonly InputRow[] {
    return this.#lifecycle.runtime?.supervisor.rows() ?? [];
  }

  async processes(): Promise<readonly ProcessRow[]> {
    return this.#lifecycle.running().components.processRows();
  }

  graph(): Graph {
    return this.#components.topology.graph();
  }

  /** The inputs that answer HTTP requests. */
  hooks(): readonly Hook[] {
    return this.#components.hooks();
  }

  /** @throws SluiceError NOT_RUNNING */
  get history(): History {
    return this.#lifecycle.running().journal.history;
  }

  /** @throws SluiceError NOT_RUNNING */
  get journal(): Journal {
    return this.#lifecycle.running().journal;
  }

  /** Errors that nobody awaits: of inputs, listeners, settling. Never blocks; the oldest are dropped past 1,000. */
  errors(signal?: AbortSignal): AsyncIterable<SluiceError> {
    return this.#errors.errors(signal);
  }

  onError(listener: ErrorListener): () => void {
    return this.#errors.onError(listener);
  }

  #registered(input: string): RegisteredInput {
    this.#components.expect(input, "input");
    return this.#components.inputs.get(input) as RegisteredInput;
  }

  async #switch(name: string, type: "pause" | "resume"): Promise<void> {
    this.#components.expect(name);
    await this.#lifecycle.running().journal.work.commit({ control: [{ type, name }] });
  }
}

function nameOf(component: { name: string } | string): string {
  return typeof component === "string" ? component : component.name;
}
