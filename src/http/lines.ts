import type { SurveyObserver, SurveyProgress } from "../engine/handles.ts";
import { SluiceError, toErrorRecord } from "../model/errors.ts";
import type { Call } from "./route.ts";

/** Milliseconds between lines at least, and at most: what is silent for long is taken for dead. */
const SHORTEST = 250;
const LONGEST = 10_000;
/** Bytes that a client may leave unread before it misses lines. */
const UNREAD = 65_536;

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
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const write = (line: object): void => {
          if (!left.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
        };
        // Who does not read misses progress rather than fill the memory; how it ended is told in any case.
        const tell = (): void => {
          if ((controller.desiredSize ?? 0) > 0) write({ progress });
        };
        heartbeat = setInterval(tell, LONGEST);
        const onProgress = (now: SurveyProgress): void => {
          progress = now;
          if (performance.now() - toldAt < SHORTEST) return;
          toldAt = performance.now();
          tell();
        };
        const signal = AbortSignal.any([left.signal, request.signal]);
        void (async () => {
          try {
            const report = await work({ signal, onProgress });
            tell();
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
    },
    new ByteLengthQueuingStrategy({ highWaterMark: UNREAD }),
  );
  return new Response(body, {
    headers: { "content-type": "application/x-ndjson", "x-accel-buffering": "no" },
  });
}
