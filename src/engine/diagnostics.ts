import { channel, type Channel } from "node:diagnostics_channel";
import type { ErrorRecord, SluiceError } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import type { AttemptOutcome } from "../model/run.ts";
import type { InputState, OrchestratorState } from "./rows.ts";

/**
 * What the engine says of itself, on channels of node:diagnostics_channel. Metrics, tracing, lineage and the live
 * page listen; the engine calls none of them. Nothing is built for a channel that has no subscriber.
 * Every message carries the pipeline's name, since one process may hold several orchestrators.
 */
export interface EventAccepted {
  readonly pipeline: string;
  readonly event: EventRecord;
  readonly duplicate: boolean;
  readonly processes: readonly string[];
}

/** An event is about to be journalled: it becomes accepted or refused. */
export interface EventEmitting {
  readonly pipeline: string;
  readonly event: EventRecord;
  /** Gives the event its place in a trace, as its cause's `traceparent`: what is done for it hangs below. */
  readonly place: (traceparent: string) => void;
}

/** The journal could not take an event. */
export interface EventRefused {
  readonly pipeline: string;
  readonly event: EventRecord;
  readonly error: unknown;
}

/** Which attempt a message is about. */
export interface AttemptMessage {
  readonly pipeline: string;
  readonly process: string;
  readonly run: string;
  readonly attempt: number;
  readonly event: EventRecord;
}

export interface AttemptStarted extends AttemptMessage {
  readonly fence: number;
  /** The pipeline version it runs under. */
  readonly version: number;
  /** Gives the attempt its place in a trace; before the process is called, which it is when this message is over. */
  readonly place: (trace: AttemptTrace) => void;
}

export interface AttemptTrace {
  /** What the attempt hands on: to children, in headers, as the cause of what it emits. */
  readonly traceparent: string;
  /** Calls the process, in the tracer's context for example. */
  readonly around?: <Result>(call: () => Result) => Result;
}

export interface AttemptEnded extends AttemptMessage {
  readonly outcome: AttemptOutcome;
  /** Milliseconds. */
  readonly duration: number;
  readonly error: ErrorRecord | null;
  /** Whether no further attempt follows by itself. */
  readonly final: boolean;
}

/**
 * A run died without an attempt that would tell of it: the condition of its link threw, its event had come over too many
 * hops, or it had ended the host too often.
 */
export interface RunDied {
  readonly pipeline: string;
  readonly process: string;
  readonly run: string;
  readonly event: EventRecord;
  readonly error: ErrorRecord;
}

export interface Progress {
  readonly pipeline: string;
  readonly process: string;
  readonly run: string;
  readonly done: number;
  readonly total: number | undefined;
  readonly text: string | undefined;
}

export interface InputChanged {
  readonly pipeline: string;
  readonly input: string;
  readonly state: InputState;
  readonly error: ErrorRecord | null;
}

export interface PipelineChanged {
  readonly pipeline: string;
  readonly state: OrchestratorState;
  /** Of a running one that was changed: the version that it is now. */
  readonly version?: number;
}

export interface ErrorReported {
  readonly pipeline: string;
  readonly error: SluiceError;
}

export const eventEmitting: Channel<object, EventEmitting> = channel("sluice.event.emitting") as never;
export const eventRefused: Channel<object, EventRefused> = channel("sluice.event.refused") as never;
export const eventAccepted: Channel<object, EventAccepted> = channel("sluice.event.accepted") as never;
export const attemptStarted: Channel<object, AttemptStarted> = channel("sluice.attempt.started") as never;
export const attemptEnded: Channel<object, AttemptEnded> = channel("sluice.attempt.ended") as never;
export const runDied: Channel<object, RunDied> = channel("sluice.run.died") as never;
export const attemptProgress: Channel<object, Progress> = channel("sluice.attempt.progress") as never;
export const inputChanged: Channel<object, InputChanged> = channel("sluice.input.changed") as never;
export const pipelineChanged: Channel<object, PipelineChanged> = channel("sluice.pipeline.changed") as never;
export const errorReported: Channel<object, ErrorReported> = channel("sluice.error") as never;
