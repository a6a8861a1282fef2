import { context, SpanKind, SpanStatusCode, trace, type Span } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { registerTracing, type TestTracing } from "../../test/support/tracing.ts";
import {
  attemptEnded,
  attemptStarted,
  eventAccepted,
  eventEmitting,
  eventRefused,
} from "../engine/diagnostics.ts";
import { Orchestrator } from "../engine/orchestrator.ts";
import { journalFrom } from "../journal/open.ts";
import { SluiceError } from "../model/errors.ts";
import type { RunContext } from "../model/component.ts";
import { traceOrchestrator, type Tracing } from "./tracing.ts";

const SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

let orchestrator: Orchestrator;
let tracing: Tracing;
let tracer: TestTracing;
/** What the process `land` does. */
let land: (context: RunContext, attempt: number) => void | Promise<void>;
let report: (context: RunContext) => void;

beforeEach(async () => {
  tracer = registerTracing();
  land = () => undefined;
  report = () => undefined;
  orchestrator = new Orchestrator({ name: "shop", journal: journalFrom("memory:") });
  orchestrator.addInput({
    name: "orders",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  orchestrator.addProcess(
    { name: "land", run: (_, run) => land(run, run.attempt) },
    { retry: { attempts: 2, initial: 1 } },
  );
  orchestrator.addProcess({ name: "report", run: (_, run) => report(run) });
  orchestrator.addLink("orders", "land");
  orchestrator.addLink("land", "report");
  tracing = await traceOrchestrator(orchestrator);
  await orchestrator.start();
});
afterEach(async () => {
  tracing.close();
  await orchestrator.stop({ grace: 0 });
  tracer[Symbol.dispose]();
});

async function emitted(event: object = {}): Promise<string> {
  const { uid } = await orchestrator.emit("orders", event);
  await orchestrator.settled(uid);
  return uid;
}

describe("spans", () => {
  test("of a run that dies without an attempt are over at once, below the event, with the error", async () => {
    orchestrator.addProcess({ name: "picky", run: () => undefined });
    orchestrator.addLink("orders", "picky", { when: "data.total > 1.0" });
    const uid = await emitted({ data: {} });
    const run = tracer.span("run picky");
    expect(run.parentSpanContext?.spanId).toBe(tracer.span("emit orders").spanContext().spanId);
    expect(run.status.code).toBe(SpanStatusCode.ERROR);
    expect(run.attributes).toMatchObject({
      "sluice.run.id": `${uid}/picky`,
      "sluice.outcome": "failed",
      "sluice.run.final": true,
      "error.type": "WHEN_FAILED",
    });
    expect(run.attributes).not.toHaveProperty("sluice.attempt");
  });

  test("of an event and its attempt stand below one another, and say what they are about", async () => {
    const uid = await emitted({ location: "raw.orders", operation: "create" });
    const [emit, run] = [tracer.span("emit orders"), tracer.span("run land")];
    expect(emit.kind).toBe(SpanKind.PRODUCER);
    expect(emit.parentSpanContext).toBeUndefined();
    expect(emit.attributes).toEqual({
      "messaging.system": "sluice",
      "messaging.operation.type": "send",
      "messaging.operation.name": "emit",
      "messaging.destination.name": "orders",
      "messaging.message.id": uid,
      "sluice.pipeline": "shop",
      "sluice.event.location": "raw.orders",
      "sluice.event.operation": "create",
    });
    expect(run.kind).toBe(SpanKind.CONSUMER);
    expect(run.parentSpanContext?.spanId).toBe(emit.spanContext().spanId);
    expect(run.attributes).toMatchObject({
      "messaging.operation.type": "process",
      "messaging.consumer.group.name": "land",
      "sluice.process": "land",
      "sluice.run.id": `${uid}/land`,
      "sluice.attempt": 1,
      "sluice.outcome": "succeeded",
      "sluice.run.final": true,
    });
    expect(run.attributes["sluice.fence"]).toBeGreaterThan(0);
    expect(run.attributes["sluice.pipeline.version"]).toBeGreaterThan(0);
    expect(run.status.code).toBe(SpanStatusCode.UNSET);
  });

  test("continue the trace that came with the event", async () => {
    await emitted({ cause: { runs: [], hops: 0, traceparent: SENT } });
    expect(tracer.span("emit orders").parentSpanContext).toMatchObject({
      spanId: "b7ad6b7169203331",
      isRemote: true,
    });
    expect(tracer.span("run land").spanContext().traceId).toBe("0af7651916cd43dd8448eb211c80319c");
  });

  test("hang below the span in which the event is emitted, where that is of the same trace", async () => {
    const parent = trace.setSpanContext(context.active(), {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
    });
    const request = trace.getTracer("http").startSpan("POST /hooks", {}, parent);
    await context.with(trace.setSpan(parent, request), () =>
      emitted({ cause: { runs: [], hops: 0, traceparent: SENT } }),
    );
    request.end();
    expect(tracer.span("emit orders").parentSpanContext?.spanId).toBe(request.spanContext().spanId);
  });

  test("are linked to the span in which the event is emitted, where that is of another trace", async () => {
    const other = trace.getTracer("http").startSpan("poll");
    await context.with(trace.setSpan(context.active(), other), () =>
      emitted({ cause: { runs: [], hops: 0, traceparent: SENT } }),
    );
    const emit = tracer.span("emit orders");
    expect(emit.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
    expect(emit.links.map((link) => link.context.spanId)).toEqual([other.spanContext().spanId]);
  });

  test("that have ended are no parents: what was begun at start-up does not hold all events", async () => {
    const over = trace.getTracer("app").startSpan("boot");
    over.end();
    await context.with(trace.setSpan(context.active(), over), () => emitted());
    expect(tracer.span("emit orders").parentSpanContext).toBeUndefined();
  });

  test("of each attempt are their own; the second one is linked to the first, and the error is on it", async () => {
    land = (_, attempt) => {
      if (attempt === 1) throw new SluiceError("HTTP_STATUS", "the shop answered 503");
    };
    await emitted();
    const [first, second] = tracer.spans().filter((span) => span.name === "run land");
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: "the shop answered 503" });
    expect(first?.attributes).toMatchObject({ "error.type": "HTTP_STATUS", "sluice.run.final": false });
    expect(first?.events[0]?.attributes).toMatchObject({ "exception.message": "the shop answered 503" });
    expect(second?.attributes).toMatchObject({ "sluice.attempt": 2, "sluice.outcome": "succeeded" });
    expect(second?.links[0]?.context.spanId).toBe(first?.spanContext().spanId);
    expect(second?.parentSpanContext?.spanId).toBe(first?.parentSpanContext?.spanId);
  });

  test("of a run that dies say that it is final", async () => {
    land = () => {
      throw new Error("no");
    };
    await emitted();
    const last = tracer.spans().findLast((span) => span.name === "run land");
    expect(last?.attributes).toMatchObject({ "sluice.outcome": "failed", "sluice.run.final": true });
  });

  test("of what a run caused hang below its attempt, and the attempt hands on its own span", async () => {
    const given: string[] = [];
    land = (run) => {
      given.push(run.traceparent);
      run.emit({ id: 1 });
    };
    report = (run) => void given.push(run.traceparent);
    await emitted();
    const [landed, reported] = [tracer.span("run land"), tracer.span("run report")];
    expect(reported.parentSpanContext?.spanId).toBe(landed.spanContext().spanId);
    for (const [index, span] of [landed, reported].entries()) {
      const { traceId, spanId } = span.spanContext();
      expect(given[index]).toBe(`00-${traceId}-${spanId}-01`);
    }
  });

  test("that a process makes by itself nest in its attempt, after something was awaited, too", async () => {
    land = async () => {
      await Promise.resolve();
      trace.getTracer("own").startSpan("query").end();
    };
    await emitted();
    expect(tracer.span("query").parentSpanContext?.spanId).toBe(tracer.span("run land").spanContext().spanId);
  });

  test("of a duplicate say so, and of an event that the journal refuses, why", async () => {
    const uid = await emitted();
    await orchestrator.emit("orders", { uid });
    expect(tracer.spans().at(-1)?.attributes).toMatchObject({ "sluice.event.duplicate": true });
    await orchestrator.journal.close();
    await expect(orchestrator.emit("orders", {})).rejects.toMatchObject({ code: "JOURNAL_CLOSED" });
    await expect.poll(() => tracer.spans().at(-1)?.attributes["error.type"]).toBe("JOURNAL_CLOSED");
  });
});

test("many events in one commit have a span each", async () => {
  const uids = await new Promise<string[]>((resolve, reject) => {
    orchestrator.addInput({
      name: "bulk",
      handle: async ({ emitAll }) =>
        void emitAll([{ id: 1 }, { id: 2 }]).then((all) => resolve(all.map(({ uid }) => uid)), reject),
    });
  });
  expect(tracer.spans().map((span) => span.attributes["messaging.message.id"])).toEqual(uids);
});

test("what another pipeline does is not traced", async () => {
  await using other = new Orchestrator({ name: "other", journal: journalFrom("memory:") });
  other.addInput({ name: "clicks", handle: async () => undefined });
  await other.start();
  await other.emit("clicks", {});
  expect(tracer.spans()).toEqual([]);
});

test("once closed nobody listens, and what is under way is ended", async () => {
  let go: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    land = () => {
      resolve();
      return new Promise((end) => (go = end));
    };
  });
  await orchestrator.emit("orders", {});
  await begun;
  tracing.close();
  expect(tracer.spans().map(({ name }) => name)).toEqual(["emit orders", "run land"]);
  for (const channel of [eventEmitting, eventAccepted, eventRefused, attemptStarted, attemptEnded]) {
    expect(channel.hasSubscribers).toBe(false);
  }
  go();
});

test("without an SDK nothing changes: the engine's own trace context goes on", async () => {
  tracer[Symbol.dispose]();
  expect(tracing.hasSdk).toBe(true);
  expect((await traceOrchestrator({ name: "other" })).hasSdk).toBe(false);
  let given = "";
  land = (run) => void (given = run.traceparent);
  await emitted({ cause: { runs: [], hops: 0, traceparent: SENT } });
  expect(given).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/);
  expect(given).not.toBe(SENT);
});

test("an SDK that throws ends nothing", async () => {
  tracing.close();
  const broken = {
    getTracer: (name: string) => {
      const real = tracer.provider.getTracer(name);
      const startSpan = (...given: Parameters<typeof real.startSpan>): Span => {
        if (given[0] !== "trial") throw new Error("out of order");
        return real.startSpan(...given);
      };
      return { startSpan };
    },
  };
  using own = await traceOrchestrator(orchestrator, { tracerProvider: broken });
  expect(own.hasSdk).toBe(true);
  const { uid } = await orchestrator.emit("orders", {});
  expect(await orchestrator.settled(uid)).toMatchObject([{ state: "succeeded" }]);
});

test("a provider of one's own can be given", async () => {
  trace.disable();
  tracing.close();
  using own = await traceOrchestrator(orchestrator, { tracerProvider: tracer.provider });
  await emitted();
  expect(own).toBeDefined();
  expect(tracer.spans()).toHaveLength(2);
});
