import { SluiceError } from "../model/errors.ts";

/** The slice of `@opentelemetry/api` (1.9 or later) that is called; typed here so that our types compile without it. */
export interface OtelApi {
  readonly ROOT_CONTEXT: Context;
  readonly SpanKind: { readonly PRODUCER: number; readonly CONSUMER: number };
  readonly SpanStatusCode: { readonly ERROR: number };
  readonly diag: { error(message: string, ...more: unknown[]): void };
  readonly isSpanContextValid: (context: SpanContext) => boolean;
  readonly context: {
    active(): Context;
    with<Result>(context: Context, call: () => Result): Result;
  };
  readonly trace: {
    getTracer(name: string): Tracer;
    getSpan(context: Context): Span | undefined;
    setSpan(context: Context, span: Span): Context;
    setSpanContext(context: Context, span: SpanContext): Context;
  };
}

/** Opaque: what the API hands out and takes back. */
export interface Context {
  getValue(key: symbol): unknown;
}

export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean | undefined;
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  readonly kind: number;
  readonly attributes: Attributes;
  readonly links: readonly { readonly context: SpanContext; readonly attributes?: Attributes }[];
}

export interface Tracer {
  startSpan(name: string, options: SpanOptions, context: Context): Span;
}

export interface Span {
  spanContext(): SpanContext;
  isRecording(): boolean;
  setAttribute(key: string, value: string | number | boolean): unknown;
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { readonly code: number; readonly message: string }): unknown;
  recordException(exception: { readonly name: string; readonly message: string }): void;
  end(): void;
}

/** @throws SluiceError MISSING_DEPENDENCY, saying what to install */
export async function loadApi(): Promise<OtelApi> {
  try {
    return (await import("@opentelemetry/api")) as unknown as OtelApi;
  } catch (cause) {
    throw new SluiceError(
      "MISSING_DEPENDENCY",
      'tracing needs the package "@opentelemetry/api", and an SDK that you choose; install it: npm install @opentelemetry/api',
      { cause },
    );
  }
}
