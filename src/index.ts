// What users import. Named exports only; the one thing done here is to pick the defaults.
import { Orchestrator as Engine, type EngineOptions } from "./engine/orchestrator.ts";
import type { JournalDriver, Retention } from "./journal/journal.ts";
import { SluiceError } from "./model/errors.ts";
import { journalFrom } from "./journal/open.ts";

export interface OrchestratorOptions extends Omit<EngineOptions, "journal"> {
  /**
   * Where events and runs are kept: `sqlite:PATH` (on disk before `emit` resolves), `memory:` (gone with the process),
   * or a driver of one's own.
   */
  readonly journal: string | JournalDriver;
  /** How long finished runs are kept, and how large the journal may grow. Only for a journal named by text. */
  readonly retention?: Retention;
}

/**
 * Orchestrates and supervises one pipeline inside this process.
 *
 * ```ts
 * await using orchestrator = new Orchestrator({ journal: "sqlite:.sluice/journal.db" });
 * const orders = orchestrator.addInput({ name: "orders", async handle({ emit, signal }) { … } });
 * const ship = orchestrator.addProcess({ name: "ship", async run(event) { … } });
 * orchestrator.addLink(orders, ship);
 * await orchestrator.run();
 * ```
 */
export class Orchestrator extends Engine {
  /** @throws SluiceError INVALID_OPTIONS or INVALID_DURATION */
  constructor(options: OrchestratorOptions) {
    const { journal, retention, ...engine } = options;
    if (journal === undefined)
      throw new SluiceError("INVALID_OPTIONS", 'name a journal: "memory:" or "sqlite:PATH"');
    super({ ...engine, journal: typeof journal === "string" ? journalFrom(journal, retention) : journal });
  }
}

export { defineInput, defineProcess } from "./model/kind.ts";
export {
  isPermanentError,
  isPostponed,
  isRetryAfter,
  isSluiceError,
  PermanentError,
  Postponed,
  RetryAfter,
  SluiceError,
} from "./model/errors.ts";
export { formatEvent } from "./model/event.ts";
export { OPERATIONS, parseOperation } from "./model/operation.ts";
export { formatRunId, isFinal, parseRunId } from "./model/run.ts";
export {
  attemptEnded,
  attemptProgress,
  attemptStarted,
  errorReported,
  eventAccepted,
  eventEmitting,
  eventRefused,
  inputChanged,
  pipelineChanged,
  runDied,
} from "./engine/diagnostics.ts";

export type {
  ChangeReceipt,
  ErrorListener,
  EventFilter,
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
  SurveyProgress,
} from "./engine/handles.ts";
export type { InputRow, InputState, OrchestratorState, ProcessRow } from "./engine/rows.ts";
export type {
  AttemptEnded,
  AttemptStarted,
  AttemptTrace,
  ErrorReported,
  EventAccepted,
  EventEmitting,
  EventRefused,
  InputChanged,
  PipelineChanged,
  Progress,
  RunDied,
} from "./engine/diagnostics.ts";
export type { Coordination } from "./journal/coordination.ts";
export type {
  Counters,
  DeadLetterGroup,
  EventQuery,
  EventRow,
  History,
  Journey,
  Page,
  PageQuery,
  RunQuery,
} from "./journal/history.ts";
export type {
  Journal,
  JournalCapabilities,
  JournalDriver,
  JournalSurroundings,
  Retention,
} from "./journal/journal.ts";
export type { Work } from "./journal/work.ts";
export type { Clock, Timer } from "./model/clock.ts";
export type {
  ComponentState,
  EmitOptions,
  Input,
  InputContext,
  InputSettings,
  LinkOptions,
  Process,
  ProcessOwner,
  ProcessSettings,
  Receipt,
  RetrySettings,
  RunContext,
  RunInfo,
  StateEntry,
} from "./model/component.ts";
export type { Duration } from "./model/duration.ts";
export type { ErrorCode, ErrorRecord } from "./model/errors.ts";
export type { Cause, Event, EventInit, EventRecord } from "./model/event.ts";
export type {
  InputKind,
  InputKindSpec,
  OptionsSchema,
  ProcessKind,
  ProcessKindSpec,
  Surroundings,
} from "./model/kind.ts";
export type { Logger } from "./model/logger.ts";
export type { Operation } from "./model/operation.ts";
export type {
  AttemptOutcome,
  AttemptRow,
  LogRow,
  LogStream,
  RunIdParts,
  RunRow,
  RunState,
} from "./model/run.ts";
export type { ProcessStatus } from "./model/status.ts";
export type { Random } from "./model/uid.ts";
export type { Graph, GraphEdge, GraphNode } from "./topology/types.ts";
