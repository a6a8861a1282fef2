import type { SurveyObserver, SurveyProgress } from "../engine/handles.ts";
import { SluiceError, toErrorRecord } from "../model/errors.ts";
import type { ApiPipeline } from "./pipeline.ts";
import type { Call } from "./route.ts";

/** Milliseconds between lines at least, and at most: what is silent for long is taken for dead. */
const SHORTEST = 250;
const LONGEST = 10_000;
/** Bytes that a client may leave unread before it misses lines. */
const UNREAD = 65_536;
/** Works of a pipeline that may go on at a time: each holds a connection, and reads the journal. */
const MOST_WORKS = 32;

const works = new WeakMap<ApiPipeline, number>();

/** Answers what ends it. @throws SluiceError TOO_MANY_STREAMS */
function beginWork(pipeline: ApiPipeline): () => void {
  const others = works.get(pipeline) ?? 0;
  if (others >= MOST_WORKS) {
    const message = `${MOST_WORKS} replays, backfills and audits are under way; wait for one, or end it`;
    throw new SluiceError("TOO_MANY_STREAMS", message);
  }
  works.set(pipeline, others + 1);
  return () => void works.set(pipeline, (works.get(pipeline) ?? 1) - 1);
}

/**
 * Does long work while it answers, line by line: `{"progress":…}` now and then, at last `{"report":…}` or
 * `{"error":…}`. Who breaks the connection off ends it.
 *
 * @throws SluiceError TOO_MANY_STREAMS
 */
export function streamLines(
  { request, redact, pipeline }: Call,
  work: (observer: SurveyObserver) => Promise<unknown>,
): Response {
  const endWork = beginWork(pipeline);
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
            endWork();
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
