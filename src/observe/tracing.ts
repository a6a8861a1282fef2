import {
  attemptEnded,
  attemptStarted,
  eventAccepted,
  eventEmitting,
  eventRefused,
  runDied,
  type AttemptEnded,
  type AttemptStarted,
  type EventAccepted,
  type EventEmitting,
  type EventRefused,
  type RunDied,
} from "../engine/diagnostics.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { toErrorRecord, type ErrorRecord } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import { formatTraceparent, parseTraceparent } from "../model/traceparent.ts";
import {
  loadApi,
  type Attributes,
  type Context,
  type OtelApi,
  type Span,
  type SpanContext,
  type Tracer,
} from "./opentelemetry.ts";

export interface TracingOptions {
  /** Whose tracer the spans are made by. Defaults to the provider that is registered globally. */
  readonly tracerProvider?: { getTracer(name: string): unknown };
}

export interface Tracing extends Disposable {
  /** Whether somebody makes spans: without an SDK nothing is recorded. */
  readonly hasSdk: boolean;
  /** Traces no more; what is under way is ended. */
  close(): void;
}

/** Runs whose last attempt failed and that are tried again: so many are remembered, to link the next attempt to it. */
const REMEMBERED = 10_000;

/**
 * Makes spans of what a pipeline does, from now until `close`: one for each event that is emitted, below which each
 * attempt at a run of it has one. Attributes follow OpenTelemetry's semantic conventions for messaging, version
 * 1.45.0 (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/, status: development). The SDK is the
 * user's own: without one nothing is recorded.
 *
 * @throws SluiceError MISSING_DEPENDENCY without `@opentelemetry/api`
 */
export async function traceOrchestrator(
  orchestrator: Pick<Orchestrator, "name">,
  options: TracingOptions = {},
): Promise<Tracing> {
  const api = await loadApi();
  const provider = options.tracerProvider ?? api.trace;
  const spans = provider.getTracer("sluice") as Tracer;
  const tracer = new PipelineTracer(orchestrator.name, api, spans);
  tracer.listen();
  const close = (): void => tracer.close();
  // A span that is never ended goes nowhere.
  const trial = spans.startSpan(
    "trial",
    { kind: api.SpanKind.CONSUMER, attributes: {}, links: [] },
    api.ROOT_CONTEXT,
  );
  return { hasSdk: api.isSpanContextValid(trial.spanContext()), close, [Symbol.dispose]: close };
}

class PipelineTracer {
  readonly #pipeline: string;
  readonly #api: OtelApi;
  readonly #tracer: Tracer;
  /** Events on their way to the journal, by uid. */
  readonly #events = new Map<string, Span>();
  /** Attempts under way, by run and number. */
  readonly #attempts = new Map<string, Span>();
  /** Of runs that are tried again: their last attempt. */
  readonly #failed = new Map<string, SpanContext>();
  #unsubscribe: () => void = () => undefined;

  constructor(pipeline: string, api: OtelApi, tracer: Tracer) {
    this.#pipeline = pipeline;
    this.#api = api;
    this.#tracer = tracer;
  }

  listen(): void {
    const listeners = [
      [eventEmitting, (message: EventEmitting) => this.#emitting(message)],
      [eventAccepted, (message: EventAccepted) => this.#accepted(message)],
      [eventRefused, (message: EventRefused) => this.#refused(message)],
      [attemptStarted, (message: AttemptStarted) => this.#started(message)],
      [attemptEnded, (message: AttemptEnded) => this.#ended(message)],
      [runDied, (message: RunDied) => this.#died(message)],
    ] as const;
    const subscriptions = listeners.map(([channel, tell]) => {
      const listener = (message: unknown): void => {
        if ((message as { pipeline: string }).pipeline !== this.#pipeline) return;
        try {
          tell(message as never);
        } catch (error) {
          // What a subscriber throws would end the process: an SDK out of order must not.
          this.#api.diag.error("sluice: a span could not be made", error);
        }
      };
      channel.subscribe(listener);
      return () => channel.unsubscribe(listener);
    });
    this.#unsubscribe = () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    };
  }

  close(): void {
    this.#unsubscribe();
    for (const span of [...this.#events.values(), ...this.#attempts.values()]) span.end();
    this.#events.clear();
    this.#attempts.clear();
    this.#failed.clear();
  }

  #emitting({ event, place }: EventEmitting): void {
    const { parent, link } = this.#whereEmitted(event);
    const span = this.#tracer.startSpan(
      `emit ${event.trigger}`,
      {
        kind: this.#api.SpanKind.PRODUCER,
        attributes: { ...this.#attributesOf(event), ...operation("send", "emit") },
        links: link === undefined ? [] : [{ context: link }],
      },
      parent,
    );
    const traceparent = traceparentOf(span, this.#api);
    if (traceparent !== undefined) place(traceparent);
    this.#events.set(event.uid, span);
  }

  /**
   * What came with the event names its parent, unless it is emitted within a span of the same trace, such as that of
   * the HTTP request that brought it: that one is nearer. A span of another trace is linked.
   */
  #whereEmitted(event: EventRecord): { parent: Context; link?: SpanContext } {
    const { trace, context, ROOT_CONTEXT, isSpanContextValid } = this.#api;
    const around = trace.getSpan(context.active());
    const near = around?.spanContext();
    // A span that has ended, or that nobody samples, is none to hang something below, but for its not being sampled.
    const isLive =
      near !== undefined &&
      isSpanContextValid(near) &&
      (around?.isRecording() === true || near.traceFlags === 0);
    const sent = this.#remote(event);
    if (sent === undefined) return { parent: isLive ? context.active() : ROOT_CONTEXT };
    if (isLive && near.traceId === sent.traceId) return { parent: context.active() };
    const parent = trace.setSpanContext(ROOT_CONTEXT, sent);
    return isLive ? { parent, link: near } : { parent };
  }

  #accepted({ event, duplicate }: EventAccepted): void {
    const span = this.#take(this.#events, event.uid);
    if (duplicate) span?.setAttribute("sluice.event.duplicate", true);
    span?.end();
  }

  #refused({ event, error }: EventRefused): void {
    const span = this.#take(this.#events, event.uid);
    if (span === undefined) return;
    this.#fail(span, toErrorRecord(error));
    span.end();
  }

  #started(message: AttemptStarted): void {
    const { run, attempt, fence, version, place } = message;
    const { trace, context, ROOT_CONTEXT } = this.#api;
    const span = this.#startRun(message, {
      "sluice.attempt": attempt,
      "sluice.fence": fence,
      "sluice.pipeline.version": version,
    });
    this.#attempts.set(`${run}#${attempt}`, span);
    const traceparent = traceparentOf(span, this.#api);
    if (traceparent === undefined) return;
    const within = trace.setSpan(ROOT_CONTEXT, span);
    place({ traceparent, around: (call) => context.with(within, call) });
  }

  #startRun({ event, process, run }: AttemptStarted | RunDied, attributes: Attributes): Span {
    const { trace, ROOT_CONTEXT, SpanKind } = this.#api;
    const created = this.#remote(event);
    const before = this.#failed.get(run);
    return this.#tracer.startSpan(
      `run ${process}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          ...this.#attributesOf(event),
          ...operation("process", "run"),
          "messaging.consumer.group.name": process,
          "sluice.process": process,
          "sluice.run.id": run,
          ...attributes,
        },
        links: before === undefined ? [] : [{ context: before, attributes: { "sluice.link": "retry_of" } }],
      },
      created === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, created),
    );
  }

  /** It had no attempt that would have a span. */
  #died(message: RunDied): void {
    const span = this.#startRun(message, { "sluice.outcome": "failed", "sluice.run.final": true });
    this.#fail(span, message.error);
    span.end();
  }

  #ended({ run, attempt, outcome, error, final }: AttemptEnded): void {
    const span = this.#take(this.#attempts, `${run}#${attempt}`);
    if (span === undefined) return;
    span.setAttributes({ "sluice.outcome": outcome, "sluice.run.final": final });
    const isFailure = outcome === "failed" || outcome === "abandoned";
    if (isFailure) this.#fail(span, error ?? { code: "RUN_FAILED", message: "it gave no reason" });
    span.end();
    this.#failed.delete(run);
    if (!isFailure || final) return;
    if (this.#failed.size >= REMEMBERED) this.#failed.delete(this.#failed.keys().next().value as string);
    this.#failed.set(run, span.spanContext());
  }

  #fail(span: Span, { code, message }: ErrorRecord): void {
    span.setAttribute("error.type", code);
    span.recordException({ name: code, message });
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message });
  }

  #take(spans: Map<string, Span>, key: string): Span | undefined {
    const span = spans.get(key);
    spans.delete(key);
    return span;
  }

  /** The span that an event was made in, wherever that was. */
  #remote(event: EventRecord): SpanContext | undefined {
    const traceparent = event.cause?.traceparent;
    const parsed = traceparent === undefined ? undefined : parseTraceparent(traceparent);
    return parsed && { ...parsed, isRemote: true };
  }

  #attributesOf(event: EventRecord): Record<string, string> {
    return {
      "messaging.system": "sluice",
      "messaging.destination.name": event.trigger,
      "messaging.message.id": event.uid,
      "sluice.pipeline": this.#pipeline,
      "sluice.event.location": event.location,
      "sluice.event.operation": event.operation,
    };
  }
}

function operation(type: "send" | "process", name: string): Record<string, string> {
  return { "messaging.operation.type": type, "messaging.operation.name": name };
}

/** `undefined` if nobody has registered an SDK: then the engine's own goes on. */
function traceparentOf(span: Span, { isSpanContextValid }: OtelApi): string | undefined {
  const context = span.spanContext();
  return isSpanContextValid(context) && context.isRemote !== true ? formatTraceparent(context) : undefined;
}
