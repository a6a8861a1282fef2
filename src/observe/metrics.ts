import { collectDefaultMetrics, Counter, Histogram, Registry } from "prom-client";
import {
  attemptEnded,
  errorReported,
  eventAccepted,
  runDied,
  type AttemptEnded,
  type ErrorReported,
  type EventAccepted,
  type RunDied,
} from "../engine/diagnostics.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { batchWritten, type BatchWritten } from "../journal/diagnostics.ts";
import { collectRows, defineGauges } from "./gauges.ts";

/** What is read of a pipeline when somebody scrapes. */
export type Measured = Pick<Orchestrator, "name" | "state" | "inputs" | "processes" | "history" | "journal">;

export interface MetricsOptions {
  /** Also measures Node itself: event loop, heap, garbage collection. Defaults to `true`. */
  readonly node?: boolean;
}

export interface Metrics {
  /** Of {@link text}: the format of Prometheus. */
  readonly contentType: string;
  /** For one's own metrics beside these. */
  readonly registry: Registry;
  text(): Promise<string>;
  /** Listens no more. */
  close(): void;
}

const SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800];
const DELAYS = [0.01, 0.1, 0.5, 1, 5, 30, 60, 300, 1_800, 7_200, 86_400];
const COMMIT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const ROWS = [1, 10, 50, 100, 500, 1_000, 5_000, 10_000];

/**
 * Measures a pipeline for Prometheus, from now until `close`. Labels are names of components, outcomes and error
 * codes only: never ids, keys or messages. Times and sizes come from what the engine says of itself; states and depths
 * are read when somebody asks.
 */
export function createMetrics(pipeline: Measured, { node = true }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ pipeline: pipeline.name });
  if (node) collectDefaultMetrics({ register: registry });
  const stop = listen(pipeline.name, registry);
  const gauges = defineGauges(registry);
  return {
    contentType: registry.contentType,
    registry,
    async text() {
      await collectRows(pipeline, gauges);
      return registry.metrics();
    },
    close: stop,
  };
}

function listen(pipeline: string, register: Registry): () => void {
  const registers = [register];
  const accepted = new Counter({
    name: "sluice_events_accepted_total",
    help: "Events that were taken, since this process started.",
    labelNames: ["source"],
    registers,
  });
  const duplicates = new Counter({
    name: "sluice_events_duplicate_total",
    help: "Deliveries that had been taken before.",
    labelNames: ["source"],
    registers,
  });
  const delay = new Histogram({
    name: "sluice_event_delay_seconds",
    help: "From the time of an event until it was taken: how far an input lags behind.",
    labelNames: ["source"],
    buckets: DELAYS,
    registers,
  });
  const attempts = new Counter({
    name: "sluice_attempts_total",
    help: "Attempts that ended.",
    labelNames: ["process", "outcome"],
    registers,
  });
  const dead = new Counter({
    name: "sluice_runs_dead_total",
    help: "Runs that died, since this process started.",
    labelNames: ["process"],
    registers,
  });
  const duration = new Histogram({
    name: "sluice_attempt_duration_seconds",
    help: "How long attempts took.",
    labelNames: ["process"],
    buckets: SECONDS,
    registers,
  });
  const errors = new Counter({
    name: "sluice_errors_total",
    help: "Errors that nobody awaited: of inputs, listeners, settling.",
    labelNames: ["code"],
    registers,
  });
  const commit = new Histogram({
    name: "sluice_journal_commit_seconds",
    help: "From the sending of a batch of commits until it was on disk.",
    buckets: COMMIT_SECONDS,
    registers,
  });
  const rows = new Histogram({
    name: "sluice_journal_commit_rows",
    help: "Events, runs, outcomes and log lines in a batch.",
    buckets: ROWS,
    registers,
  });
  const failed = new Counter({
    name: "sluice_journal_commit_errors_total",
    help: "Batches that could not be written.",
    registers,
  });

  const onAccepted = (message: unknown): void => {
    const { pipeline: from, event, duplicate } = message as EventAccepted;
    if (from !== pipeline) return;
    const source = event.trigger;
    if (duplicate) {
      duplicates.inc({ source });
      return;
    }
    accepted.inc({ source });
    delay.observe({ source }, Math.max(0, Date.now() - event.time) / 1_000);
  };
  const onEnded = (message: unknown): void => {
    const ended = message as AttemptEnded;
    if (ended.pipeline !== pipeline) return;
    const { process, outcome } = ended;
    attempts.inc({ process, outcome });
    duration.observe({ process }, ended.duration / 1_000);
    const isFailure = outcome === "failed" || outcome === "abandoned";
    if (isFailure && ended.final) dead.inc({ process });
  };
  const onDied = (message: unknown): void => {
    const { pipeline: from, process } = message as RunDied;
    if (from === pipeline) dead.inc({ process });
  };
  const onError = (message: unknown): void => {
    const { pipeline: from, error } = message as ErrorReported;
    if (from === pipeline) errors.inc({ code: error.code });
  };
  const onBatch = (message: unknown): void => {
    const batch = message as BatchWritten;
    commit.observe(batch.duration / 1_000);
    rows.observe(batch.rows);
    if (!batch.ok) failed.inc();
  };

  eventAccepted.subscribe(onAccepted);
  attemptEnded.subscribe(onEnded);
  runDied.subscribe(onDied);
  errorReported.subscribe(onError);
  batchWritten.subscribe(onBatch);
  return () => {
    eventAccepted.unsubscribe(onAccepted);
    attemptEnded.unsubscribe(onEnded);
    runDied.unsubscribe(onDied);
    errorReported.unsubscribe(onError);
    batchWritten.unsubscribe(onBatch);
  };
}
