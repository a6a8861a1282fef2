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
import type { Duration } from "../model/duration.ts";
import type { EventInit } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import type { RunRow } from "../model/run.ts";
import type { Random } from "../model/uid.ts";
import type { SluiceError } from "../model/errors.ts";
import type { History, RunQuery } from "../journal/history.ts";
import type { Journal, JournalDriver } from "../journal/journal.ts";
import type { Graph } from "../topology/types.ts";
import type { InputRow, OrchestratorState, ProcessRow } from "./rows.ts";

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
  readonly logger?: Logger;
  /** For tests: called at named points; may throw or end the process. */
  readonly failpoint?: (name: string) => void;
}

/** What `addInput` answers: to be linked, and typed by what the input's events carry. */
export interface InputHandle<Data = unknown> {
  readonly name: string;
  readonly role: "input";
  /** Only for the compiler. */
  readonly data?: (data: Data) => Data;
}

export interface ProcessHandle<Data = unknown, Emits = unknown> {
  readonly name: string;
  readonly role: "process";
  readonly accepts?: (data: Data) => void;
  readonly emits?: () => Emits;
}

/** An input that answers HTTP requests, and where. */
export interface Hook {
  readonly name: string;
  readonly path: string;
  readonly fetch: (request: Request) => Promise<Response>;
}

export interface ReplayFilter {
  readonly state?: "dead" | "cancelled" | "succeeded";
  readonly process?: string;
  readonly event?: string;
}

export interface RunOutcome {
  readonly id: string;
  readonly ok: boolean;
  /** The run that was reopened or made. */
  readonly run?: string;
  readonly why?: "not_found" | "state";
  readonly message?: string;
}

export declare class Orchestrator implements AsyncDisposable {
  constructor(options: EngineOptions);
  readonly name: string;
  readonly state: OrchestratorState;

  addInput<D>(input: Input<D>, settings?: InputSettings): InputHandle<D>;
  addProcess<D, E>(process: Process<D, E>, settings?: ProcessSettings): ProcessHandle<D, E>;
  /** By handles the compiler checks that the data fits; by names nothing is checked but the names. */
  addLink<D>(from: InputHandle<D>, to: ProcessHandle<D, unknown>, options?: LinkOptions): void;
  addLink<E>(from: ProcessHandle<never, E>, to: ProcessHandle<E, unknown>, options?: LinkOptions): void;
  addLink(from: string, to: string, options?: LinkOptions): void;
  removeInput(name: string): Promise<void>;
  /** @throws SluiceError OPEN_RUNS if it has open runs and nothing says what becomes of them. */
  removeProcess(name: string, options?: { readonly open?: "drain" | "cancel" }): Promise<void>;
  removeLink(from: string, to: string): void;

  /** Opens the journal and starts everything. Resolves when inputs have been started. */
  start(): Promise<void>;
  /** `start`, then waits until SIGTERM or SIGINT, or `stop()`. */
  run(): Promise<void>;
  /** Graceful: stops inputs, finishes what runs within the grace time, hands back the rest. Idempotent. */
  stop(options?: { readonly grace?: Duration }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;

  /** Emits in the name of an input (or process); resolves when durable. */
  emit(name: string, event: EventInit, options?: EmitOptions): Promise<Receipt>;
  /** Resolves when every run of the event, and of what those runs caused by emission, is final. */
  settled(uid: string): Promise<readonly RunRow[]>;
  /** Resolves when nothing is queued, waiting or running. */
  idle(): Promise<void>;

  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  restart(input: string): Promise<void>;
  cancel(runs: readonly string[]): Promise<readonly RunOutcome[]>;
  replay(runs: readonly string[], options?: { readonly data?: unknown }): Promise<readonly RunOutcome[]>;
  replayAll(
    filter: ReplayFilter,
    options?: { readonly dryRun?: boolean },
  ): Promise<{ readonly matched: number; readonly replayed: number }>;

  inputs(): readonly InputRow[];
  processes(): Promise<readonly ProcessRow[]>;
  graph(): Graph;
  hooks(): readonly Hook[];
  /** @throws SluiceError NOT_RUNNING before `start`. */
  readonly history: History;
  readonly journal: Journal;

  /** Errors that nobody awaits: of inputs, listeners, settling. Never blocks; the oldest are dropped past 1,000. */
  errors(signal?: AbortSignal): AsyncIterable<SluiceError>;
  onError(listener: (error: SluiceError) => void): () => void;
}
export type { RunQuery };
