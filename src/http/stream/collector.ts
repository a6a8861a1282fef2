import {
  attemptEnded,
  attemptProgress,
  attemptStarted,
  errorReported,
  eventAccepted,
  inputChanged,
  pipelineChanged,
  runDied,
  type AttemptEnded,
  type AttemptMessage,
  type AttemptStarted,
  type ErrorReported,
  type EventAccepted,
  type InputChanged,
  type PipelineChanged,
  type Progress,
  type RunDied,
} from "../../engine/diagnostics.ts";
import { isoTime } from "../../model/event.ts";
import type { AttemptOutcome, RunState } from "../../model/run.ts";
import type { EventTaken, RunChange, RunProgress, StreamEvent, StreamMessages } from "./messages.ts";
import { Sampler } from "./sampler.ts";
import { Tally } from "./tally.ts";

/** Of each kind, in one message. */
const SAMPLES = 20;
const PROBLEMS = 10;

export type Send = <Name extends StreamEvent>(name: Name, data: StreamMessages[Name]) => void;

export interface CollectorOptions {
  readonly pipeline: string;
  readonly now: () => number;
  readonly redact: (text: string) => string;
  /** For what cannot wait for the next {@link Collector.flush}. */
  readonly send: Send;
}

/** Listens to the engine, and makes few messages of many things. It listens from `start` to `stop`. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #tally = new Tally();
  readonly #runs = new Sampler<RunChange>(SAMPLES);
  readonly #events = new Sampler<EventTaken>(SAMPLES);
  readonly #progress = new Sampler<RunProgress>(SAMPLES);
  #problems = 0;
  #since = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#since = this.#options.now();
    eventAccepted.subscribe(this.#onAccepted);
    attemptStarted.subscribe(this.#onStarted);
    attemptEnded.subscribe(this.#onEnded);
    runDied.subscribe(this.#onDied);
    attemptProgress.subscribe(this.#onProgress);
    inputChanged.subscribe(this.#onInput);
    pipelineChanged.subscribe(this.#onPipeline);
    errorReported.subscribe(this.#onError);
  }

  stop(): void {
    eventAccepted.unsubscribe(this.#onAccepted);
    attemptStarted.unsubscribe(this.#onStarted);
    attemptEnded.unsubscribe(this.#onEnded);
    runDied.unsubscribe(this.#onDied);
    attemptProgress.unsubscribe(this.#onProgress);
    inputChanged.unsubscribe(this.#onInput);
    pipelineChanged.unsubscribe(this.#onPipeline);
    errorReported.unsubscribe(this.#onError);
  }

  /** Sends what came together since the last time. */
  flush(): void {
    const { now, send } = this.#options;
    const time = now();
    const components = this.#tally.drain();
    if (components !== undefined) {
      send("stats", { time: isoTime(time), span: time - this.#since, components });
    }
    this.#since = time;
    this.#problems = 0;
    const events = this.#events.drain();
    if (events !== undefined) send("events", events);
    const runs = this.#runs.drain();
    if (runs !== undefined) send("runs", runs);
    const progress = this.#progress.drain();
    if (progress !== undefined) send("progress", progress);
  }

  readonly #onAccepted = (message: unknown): void => {
    const accepted = message as EventAccepted;
    if (!this.#isOurs(accepted)) return;
    this.#tally.accepted(accepted);
    this.#events.add(accepted.event.uid, () => toEventTaken(accepted));
  };

  readonly #onStarted = (message: unknown): void => {
    const started = message as AttemptStarted;
    if (!this.#isOurs(started)) return;
    this.#tally.started(started.process);
    this.#runs.add(started.run, () => this.#toChange(started, "running"));
  };

  readonly #onEnded = (message: unknown): void => {
    const ended = message as AttemptEnded;
    if (!this.#isOurs(ended)) return;
    this.#tally.ended(ended);
    const state = stateAfter(ended.outcome, ended.final);
    const change = (): RunChange => ({
      ...this.#toChange(ended, state),
      duration: ended.duration,
      error: ended.error,
    });
    // What failed is never crowded out by what went well.
    if (state === "dead" || state === "retrying") this.#runs.add(ended.run, change, wentWell);
    else this.#runs.add(ended.run, change);
  };

  readonly #onDied = (message: unknown): void => {
    const died = message as RunDied;
    if (!this.#isOurs(died)) return;
    this.#tally.died(died.process);
    const change = (): RunChange => ({
      ...this.#toChange({ ...died, attempt: 0 }, "dead"),
      error: died.error,
    });
    this.#runs.add(died.run, change, wentWell);
  };

  readonly #onProgress = (message: unknown): void => {
    const progress = message as Progress;
    if (!this.#isOurs(progress)) return;
    const { run, process, done, total = null, text } = progress;
    this.#progress.add(run, () => ({
      run,
      process,
      done,
      total,
      text: text === undefined ? null : this.#options.redact(text),
    }));
  };

  readonly #onInput = (message: unknown): void => {
    const changed = message as InputChanged;
    if (!this.#isOurs(changed)) return;
    this.#options.send("input", { name: changed.input, state: changed.state, error: changed.error });
  };

  readonly #onPipeline = (message: unknown): void => {
    const changed = message as PipelineChanged;
    if (!this.#isOurs(changed)) return;
    const { state, version } = changed;
    this.#options.send("pipeline", version === undefined ? { state } : { state, version });
  };

  readonly #onError = (message: unknown): void => {
    const reported = message as ErrorReported;
    if (!this.#isOurs(reported) || this.#problems >= PROBLEMS) return;
    this.#problems += 1;
    const { code, message: text } = reported.error;
    this.#options.send("problem", {
      code,
      message: this.#options.redact(text),
      time: isoTime(this.#options.now()),
    });
  };

  #isOurs(message: { readonly pipeline: string }): boolean {
    return message.pipeline === this.#options.pipeline;
  }

  #toChange({ run, event, process, attempt }: Omit<AttemptMessage, "pipeline">, state: RunState): RunChange {
    const time = isoTime(this.#options.now());
    return { id: run, event: event.uid, process, state, attempt, duration: null, error: null, time };
  }
}

function toEventTaken({ event, duplicate, processes }: EventAccepted): EventTaken {
  const { uid, trigger, operation, location, id, time } = event;
  return { uid, trigger, operation, location, id, time: isoTime(time), duplicate, processes };
}

function stateAfter(outcome: AttemptOutcome, final: boolean): RunState {
  if (outcome === "succeeded" || outcome === "cancelled" || outcome === "running") return outcome;
  if (outcome === "released") return "queued";
  return final ? "dead" : "retrying";
}

function wentWell({ state }: RunChange): boolean {
  return state !== "dead" && state !== "retrying";
}
