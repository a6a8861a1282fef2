import { expect, test } from "vitest";
import type { SurveyObserver } from "../engine/handles.ts";
import { streamLines } from "./lines.ts";
import type { Call } from "./route.ts";

const call = (pipeline: object = {}): Call =>
  ({
    pipeline,
    request: new Request("http://127.0.0.1/"),
    redact: (text: string) => text,
  }) as unknown as Call;

/** Work that goes on until it is told to end, and what watches it. */
function watched(): {
  observer: Promise<SurveyObserver>;
  end: (report: unknown) => void;
  response: Response;
} {
  const { promise: observer, resolve } = Promise.withResolvers<SurveyObserver>();
  const { promise: done, resolve: end } = Promise.withResolvers<unknown>();
  const response = streamLines(call(), async (given) => {
    resolve(given);
    return done;
  });
  return { observer, end, response };
}

test("who does not read misses progress, and is told the end all the same", async () => {
  const { observer, end, response } = watched();
  const { onProgress } = await observer;
  const location = "x".repeat(100_000);
  const now = performance.now.bind(performance);
  let hours = 0;
  performance.now = () => now() + (hours += 3_600_000);
  try {
    for (let done = 0; done < 1_000; done += 1) onProgress?.({ location, done, total: null });
  } finally {
    performance.now = now;
  }
  end({ done: 1_000 });
  const text = await response.text();
  expect(text.length).toBeLessThan(400_000);
  expect(text.trimEnd().split("\n").at(-1)).toBe('{"report":{"done":1000}}');
});

test("who leaves at once ends the work", async () => {
  const { observer, response } = watched();
  await response.body?.cancel();
  expect((await observer).signal?.aborted).toBe(true);
});

test("of very much at a time what is too much is refused, until some of it has ended", async () => {
  const pipeline = {};
  const { promise: done, resolve: end } = Promise.withResolvers<unknown>();
  const responses = Array.from({ length: 32 }, () => streamLines(call(pipeline), () => done));
  expect(() => streamLines(call(pipeline), () => done)).toThrow(
    expect.objectContaining({ code: "TOO_MANY_STREAMS" }),
  );
  end({});
  await Promise.all(responses.map((response) => response.text()));
  const next = streamLines(call(pipeline), async () => ({ done: 1 }));
  expect(await next.text()).toContain('{"report":{"done":1}}');
});
