import type { SurveyObserver, SurveyProgress } from "../engine/handles.ts";
import { SluiceError, toErrorRecord } from "../model/errors.ts";
import type { Call } from "./route.ts";

/** Milliseconds between lines at least, and at most: what is silent for long is taken for dead. */
const SHORTEST = 250;
const LONGEST = 10_000;

/**
 * Does long work while it answers, line by line: `{"progress":…}` now and then, at last `{"report":…}` or
 * `{"error":…}`. Who breaks the connection off ends it.
 */
export function streamLines(
  { request, redact }: Call,
  work: (observer: SurveyObserver) => Promise<unknown>,
): Response {
  const left = new AbortController();
  const encoder = new TextEncoder();
  let progress: SurveyProgress | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  let heartbeat: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (line: object): void => {
        if (!left.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      heartbeat = setInterval(() => write({ progress }), LONGEST);
      const onProgress = (now: SurveyProgress): void => {
        progress = now;
        if (performance.now() - toldAt < SHORTEST) return;
        toldAt = performance.now();
        write({ progress });
      };
      const signal = AbortSignal.any([left.signal, request.signal]);
      void (async () => {
        try {
          const report = await work({ signal, onProgress });
          write({ progress });
          write({ report });
        } catch (error) {
          const { code, message } = toErrorRecord(error);
          write({ error: { code, message: redact(message) } });
        } finally {
          clearInterval(heartbeat);
          if (!left.signal.aborted) controller.close();
        }
      })();
    },
    cancel() {
      clearInterval(heartbeat);
      left.abort(new SluiceError("CANCELLED", "whoever asked for it is gone; what was done is kept"));
    },
  });
  return new Response(body, {
    headers: { "content-type": "application/x-ndjson", "x-accel-buffering": "no" },
  });
}
