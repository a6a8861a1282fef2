import { Gauge, type Registry } from "prom-client";
import type { Orchestrator } from "../engine/orchestrator.ts";
import type { LagRow } from "../engine/rows.ts";

type Name =
  | "up"
  | "journal_healthy"
  | "open_runs"
  | "events"
  | "runs"
  | "queue_depth"
  | "oldest_run_age_seconds"
  | "process_running"
  | "process_concurrency"
  | "process_abandoned"
  | "process_paused"
  | "input_up"
  | "input_failed"
  | "input_silent"
  | "input_restarts"
  | "input_last_event_timestamp_seconds"
  | "input_lag_events"
  | "input_lag_bytes"
  | "input_lag_seconds"
  | "input_retained_bytes";

/** What stands at a value now, by its name without the prefix. */
const GAUGES: Readonly<Record<Name, { readonly help: string; readonly labels: readonly string[] }>> = {
  up: { help: "Whether the pipeline runs.", labels: [] },
  journal_healthy: { help: "Whether the journal can be written.", labels: [] },
  open_runs: { help: "Runs that are not over.", labels: [] },
  events: { help: "Events ever taken, as the journal counts them.", labels: ["source"] },
  runs: { help: "Runs by state, as the journal counts them.", labels: ["process", "state"] },
  queue_depth: { help: "Runs that wait for their turn or for their next attempt.", labels: ["process"] },
  oldest_run_age_seconds: {
    help: "Age of the oldest run that may start; 0 if there is none.",
    labels: ["process"],
  },
  process_running: { help: "Attempts under way.", labels: ["process"] },
  process_concurrency: { help: "Attempts that may be under way at a time.", labels: ["process"] },
  process_abandoned: { help: "Attempts that ignored their signal and still go on.", labels: ["process"] },
  process_paused: { help: "Whether the process is paused.", labels: ["process"] },
  input_up: { help: "Whether the input runs; 1 also if it is paused or finished.", labels: ["input"] },
  input_failed: { help: "Whether the input was given up.", labels: ["input"] },
  input_silent: { help: "Whether it is silent for longer than expected.", labels: ["input"] },
  input_restarts: { help: "Restarts since the pipeline started.", labels: ["input"] },
  input_last_event_timestamp_seconds: { help: "When its last event was taken.", labels: ["input"] },
  input_lag_events: { help: "Changes, messages or files that wait at its source.", labels: ["input"] },
  input_lag_bytes: { help: "Bytes that wait at its source.", labels: ["input"] },
  input_lag_seconds: {
    help: "Age of the oldest that waits at its source; 0 if nothing does.",
    labels: ["input"],
  },
  input_retained_bytes: {
    help: "Bytes that its source must keep on its account: the write-ahead log kept for a replication slot.",
    labels: ["input"],
  },
};

export type Gauges = Readonly<Record<Name, Gauge>>;

export function defineGauges(register: Registry): Gauges {
  const made = Object.entries(GAUGES).map(([name, { help, labels }]) => [
    name,
    new Gauge({ name: `sluice_${name}`, help, labelNames: [...labels], registers: [register] }),
  ]);
  return Object.fromEntries(made) as Gauges;
}

const WAITING = ["queued", "waiting", "retrying"] as const;
const WELL: ReadonlySet<string> = new Set(["running", "paused", "standby", "finished"]);

/** Reads what is now. A pipeline that does not run says only that. */
export async function collectRows(
  pipeline: Pick<Orchestrator, "state" | "inputs" | "processes" | "history" | "journal">,
  gauges: Gauges,
): Promise<void> {
  for (const gauge of Object.values(gauges)) gauge.reset();
  const isUp = pipeline.state === "running";
  gauges.up.set(isUp ? 1 : 0);
  if (!isUp) return;
  const [processes, { events, oldest }] = await Promise.all([
    pipeline.processes(),
    pipeline.history.counters(),
  ]);
  gauges.journal_healthy.set(pipeline.journal.health().ok ? 1 : 0);
  gauges.open_runs.set(pipeline.journal.openRuns());
  for (const [source, count] of Object.entries(events)) gauges.events.set({ source }, count);
  for (const { name: process, state, concurrency, running, abandoned, runs } of processes) {
    for (const [state, count] of Object.entries(runs)) gauges.runs.set({ process, state }, count);
    const depth = WAITING.reduce((sum, waiting) => sum + (runs[waiting] ?? 0), 0);
    gauges.queue_depth.set({ process }, depth);
    const since = oldest[process];
    const age = since === undefined ? 0 : Math.max(0, Date.now() - Date.parse(since)) / 1_000;
    gauges.oldest_run_age_seconds.set({ process }, age);
    gauges.process_running.set({ process }, running);
    gauges.process_concurrency.set({ process }, concurrency);
    gauges.process_abandoned.set({ process }, abandoned);
    gauges.process_paused.set({ process }, state === "paused" ? 1 : 0);
  }
  for (const { name: input, state, restarts, silent, lastEventAt, lag } of pipeline.inputs()) {
    if (lag !== null) setLag(gauges, input, lag);
    gauges.input_up.set({ input }, WELL.has(state) ? 1 : 0);
    gauges.input_failed.set({ input }, state === "failed" ? 1 : 0);
    gauges.input_silent.set({ input }, silent ? 1 : 0);
    gauges.input_restarts.set({ input }, restarts);
    if (lastEventAt !== null) {
      gauges.input_last_event_timestamp_seconds.set({ input }, Date.parse(lastEventAt) / 1_000);
    }
  }
}

/** What an input cannot tell is not there, rather than 0. */
function setLag(gauges: Gauges, input: string, { events, bytes, oldest, retained }: LagRow): void {
  if (events !== null) gauges.input_lag_events.set({ input }, events);
  if (bytes !== null) gauges.input_lag_bytes.set({ input }, bytes);
  if (retained !== null) gauges.input_retained_bytes.set({ input }, retained);
  if (oldest !== null) {
    gauges.input_lag_seconds.set({ input }, Math.max(0, Date.now() - Date.parse(oldest)) / 1_000);
  } else if (events === 0 || (events === null && bytes === 0)) gauges.input_lag_seconds.set({ input }, 0);
}
