import { afterEach, beforeEach, expect, test } from "vitest";
import { callerOf, startPipeline } from "../../test/support/api.ts";
import { attemptEnded, errorReported, eventAccepted } from "../engine/diagnostics.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { createApi } from "../http/api.ts";
import type { InputReport } from "../model/component.ts";
import { batchWritten } from "../journal/diagnostics.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

let orchestrator: Orchestrator;
let metrics: Metrics;
beforeEach(async () => {
  orchestrator = await startPipeline();
  metrics = createMetrics(orchestrator, { node: false });
});
afterEach(async () => {
  metrics.close();
  await orchestrator.stop({ grace: 0 });
});

async function emitted(event: object = {}): Promise<string> {
  const { uid } = await orchestrator.emit("orders", event);
  await orchestrator.settled(uid);
  return uid;
}

test("events, attempts, dead runs and states are counted by component", async () => {
  const uid = await emitted();
  await emitted({ data: { fail: "no" } });
  await orchestrator.emit("orders", { uid });
  const text = await metrics.text();
  for (const line of [
    'sluice_events_accepted_total{source="orders",pipeline="shop"} 2',
    'sluice_events_duplicate_total{source="orders",pipeline="shop"} 1',
    'sluice_events{source="orders",pipeline="shop"} 2',
    'sluice_attempts_total{process="land",outcome="succeeded",pipeline="shop"} 1',
    'sluice_attempts_total{process="land",outcome="failed",pipeline="shop"} 1',
    'sluice_runs_dead_total{process="land",pipeline="shop"} 1',
    'sluice_runs{process="land",state="succeeded",pipeline="shop"} 1',
    'sluice_runs{process="land",state="dead",pipeline="shop"} 1',
    'sluice_queue_depth{process="land",pipeline="shop"} 0',
    'sluice_attempt_duration_seconds_count{pipeline="shop",process="land"} 2',
    'sluice_event_delay_seconds_count{pipeline="shop",source="orders"} 2',
    'sluice_input_up{input="orders",pipeline="shop"} 1',
    'sluice_up{pipeline="shop"} 1',
    'sluice_journal_healthy{pipeline="shop"} 1',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("the age of the oldest run grows while it waits", async () => {
  await orchestrator.pause("land");
  await orchestrator.emit("orders", { time: new Date(Date.now() - 60_000).toISOString() });
  const text = await metrics.text();
  const [, age] = /sluice_oldest_run_age_seconds\{.*\} (\S+)/.exec(text) ?? [];
  expect(Number(age)).toBeGreaterThanOrEqual(60);
  expect(text).toContain('sluice_queue_depth{process="land",pipeline="shop"} 1');
  expect(text).toContain('sluice_process_paused{process="land",pipeline="shop"} 1');
});

test("how far an input is behind is measured as far as it tells", async () => {
  const reports: InputReport[] = [
    { lag: { events: 12, oldest: Date.now() - 60_000 } },
    { lag: { bytes: 4_096, retained: 65_536 } },
    { lag: { events: 0 } },
  ];
  for (const [index, report] of reports.entries()) {
    orchestrator.addInput({
      name: `source${index}`,
      handle: async ({ report: tell }) => tell(report),
    });
  }
  const text = await metrics.text();
  expect(text).toContain('sluice_input_retained_bytes{input="source1",pipeline="shop"} 65536');
  const lines = text.split("\n").filter((line) => line.startsWith("sluice_input_lag"));
  expect(lines).toEqual([
    'sluice_input_lag_events{input="source0",pipeline="shop"} 12',
    'sluice_input_lag_events{input="source2",pipeline="shop"} 0',
    'sluice_input_lag_bytes{input="source1",pipeline="shop"} 4096',
    expect.stringMatching(/^sluice_input_lag_seconds\{input="source0",pipeline="shop"\} 6\d/),
    'sluice_input_lag_seconds{input="source2",pipeline="shop"} 0',
  ]);
});

test("no id, key or message becomes a label", async () => {
  await emitted({ id: "record-17", key: "k-18", data: { fail: "message-19" } });
  const text = await metrics.text();
  for (const secret of ["record-17", "k-18", "message-19"]) expect(text).not.toContain(secret);
});

test("a run that dies without an attempt is counted among the dead", async () => {
  orchestrator.addProcess({ name: "picky", run: () => undefined });
  orchestrator.addLink("orders", "picky", { when: "data.total > 1.0" });
  await emitted({ data: {} });
  expect(await metrics.text()).toContain('sluice_runs_dead_total{process="picky",pipeline="shop"} 1');
});

test("batches of the journal are measured", async () => {
  batchWritten.publish({ path: "/j", commits: 2, rows: 7, duration: 3, ok: true });
  batchWritten.publish({ path: "/j", commits: 1, rows: 1, duration: 3, ok: false });
  const text = await metrics.text();
  expect(text).toContain('sluice_journal_commit_seconds_count{pipeline="shop"} 2');
  expect(text).toContain('sluice_journal_commit_rows_sum{pipeline="shop"} 8');
  expect(text).toContain('sluice_journal_commit_errors_total{pipeline="shop"} 1');
});

test("a stopped pipeline says that it is down, and nothing of before", async () => {
  await orchestrator.stop({ grace: 0 });
  const text = await metrics.text();
  expect(text).toContain('sluice_up{pipeline="shop"} 0');
  expect(text).not.toContain("sluice_input_up{");
});

test("what another pipeline does is not counted", async () => {
  errorReported.publish({ pipeline: "other", error: new Error("no") as never });
  expect(await metrics.text()).not.toContain("sluice_errors_total{");
});

test("once closed, and before it was made, nobody listens", () => {
  expect(eventAccepted.hasSubscribers).toBe(true);
  metrics.close();
  for (const channel of [eventAccepted, attemptEnded, errorReported, batchWritten]) {
    expect(channel.hasSubscribers).toBe(false);
  }
});

test("the API answers them at /metrics, as Prometheus reads them; without them there is nothing there", async () => {
  const api = createApi(orchestrator, { metrics });
  const answer = await api.fetch(new Request("http://127.0.0.1/metrics"));
  expect(answer.headers.get("content-type")).toContain("text/plain");
  expect(await answer.text()).toContain("# TYPE sluice_events_accepted_total counter");
  expect((await callerOf(orchestrator)("GET", "/metrics")).status).toBe(404);
});
