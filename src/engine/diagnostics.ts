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

export interface AttemptStarted {
  readonly pipeline: string;
  readonly process: string;
  readonly run: string;
  readonly attempt: number;
  readonly event: EventRecord;
}

export interface AttemptEnded extends AttemptStarted {
  readonly outcome: AttemptOutcome;
  /** Milliseconds. */
  readonly duration: number;
  readonly error: ErrorRecord | null;
  /** Whether no further attempt follows by itself. */
  readonly final: boolean;
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
}

export interface ErrorReported {
  readonly pipeline: string;
  readonly error: SluiceError;
}

export const eventAccepted: Channel<object, EventAccepted> = channel("sluice.event.accepted") as never;
export const attemptStarted: Channel<object, AttemptStarted> = channel("sluice.attempt.started") as never;
export const attemptEnded: Channel<object, AttemptEnded> = channel("sluice.attempt.ended") as never;
export const attemptProgress: Channel<object, Progress> = channel("sluice.attempt.progress") as never;
export const inputChanged: Channel<object, InputChanged> = channel("sluice.input.changed") as never;
export const pipelineChanged: Channel<object, PipelineChanged> = channel("sluice.pipeline.changed") as never;
export const errorReported: Channel<object, ErrorReported> = channel("sluice.error") as never;
