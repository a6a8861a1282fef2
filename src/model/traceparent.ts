import { hexadecimal, type Random } from "./uid.ts";

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const ZEROS = /^0+$/;

/** Whether the text is a W3C trace context, version 00 (https://www.w3.org/TR/trace-context/#traceparent-header). */
export function isTraceparent(text: string): boolean {
  const match = TRACEPARENT.exec(text);
  return match !== null && !ZEROS.test(match[1] as string) && !ZEROS.test(match[2] as string);
}

/** The parts of a trace context. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** A byte: 1 stands for sampled. */
  readonly traceFlags: number;
}

/** `undefined` if the text is no trace context. */
export function parseTraceparent(text: string): TraceContext | undefined {
  if (!isTraceparent(text)) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = text.split("-");
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, traceFlags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** A new span in the trace of `parent`; without a valid parent, a new trace that is not sampled. */
export function childTraceparent(parent: string | undefined, random: Random): string {
  const match = parent === undefined || !isTraceparent(parent) ? null : TRACEPARENT.exec(parent);
  const trace =
    match?.[1] ?? hexadecimal(random, 8) + hexadecimal(random, 8) + hexadecimal(random, 8) + odd(random);
  return `00-${trace}-${hexadecimal(random, 8)}${odd(random)}-${match?.[3] ?? "00"}`;
}

/** Eight digits that are never all zeros. */
function odd(random: Random): string {
  return `${hexadecimal(random, 7)}1`;
}
