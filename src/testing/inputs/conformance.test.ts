import { describe, expect, test } from "vitest";
import { cronInput } from "../../inputs/cron.ts";
import { webhookInput } from "../../inputs/webhook.ts";
import type { Input } from "../../model/component.ts";
import { createFakeClock } from "../clock.ts";
import { inputConformance, type InputSubject } from "./conformance.ts";

function cron(): InputSubject {
  const clock = createFakeClock();
  const input = cronInput({ name: "tick", schedule: "* * * * *" });
  return { input, tell: () => clock.advance(60_000), context: { clock } };
}

function webhook(): InputSubject {
  const input = webhookInput({ name: "hook", path: "/hook", auth: "none" });
  return {
    input,
    async tell() {
      const request = new Request("http://127.0.0.1/hook", { method: "POST", body: "{}" });
      request.headers.set("content-type", "application/json");
      const response = await input.fetch?.(request);
      if (response?.status !== 202) throw new Error(`answered ${response?.status}`);
    },
  };
}

/** A source that calls whoever listens, and an input written by hand, in the way that a change makes wrong. */
function listener(handle: (listen: Listen) => Input["handle"]): () => InputSubject {
  return () => {
    const listeners = new Set<() => Promise<void>>();
    const listen: Listen = (callback) => {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    };
    return {
      input: { name: "mine", handle: handle(listen) },
      async tell() {
        if (listeners.size === 0) throw new Error("nobody listens");
        await Promise.all([...listeners].map((callback) => callback()));
      },
    };
  };
}
type Listen = (callback: () => Promise<void>) => () => void;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

const right = listener((listen) => async ({ emit, signal }) => {
  const stop = listen(async () => {
    if (!signal.aborted) await emit({ id: "1" });
  });
  await aborted(signal);
  stop();
});

describe.each([
  ["cron", cron, false],
  ["webhook", webhook, true],
  ["one written by hand", right, true],
] as const)("the input %s", (_, create, acknowledges) => {
  test.each(inputConformance({ create, acknowledges }))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("the suite finds an input that", () => {
  const wrong: readonly [string, string, Parameters<typeof listener>[0]][] = [
    [
      "goes on after its end",
      "emits nothing once",
      (listen) =>
        async ({ emit, signal }) => {
          listen(async () => void (await emit({})));
          await aborted(signal);
        },
    ],
    ["ends by itself", "listens until", () => async () => undefined],
    ["ignores its signal", "then ends", () => () => new Promise(() => undefined)],
    [
      "does not look whether it has aborted already",
      "ends at once",
      () =>
        ({ signal }) =>
          new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    ],
    [
      "swallows a refusal",
      "does not swallow",
      (listen) =>
        async ({ emit, signal }) => {
          listen(async () => void (await emit({}).catch(() => undefined)));
          await aborted(signal);
        },
    ],
    [
      "acknowledges too early",
      "acknowledges",
      (listen) =>
        async ({ emit, signal }) => {
          listen(async () => void emit({}));
          await aborted(signal);
        },
    ],
    [
      "says nothing",
      "passes on",
      () =>
        ({ signal }) =>
          aborted(signal),
    ],
    [
      "listens only once",
      "can be started again",
      (listen) => {
        let starts = 0;
        return async ({ emit, signal }) => {
          if (starts++ === 0) listen(async () => void (await emit({})));
          await aborted(signal);
        };
      },
    ],
  ];

  test.each(wrong)("%s", async (_, name, handle) => {
    const suite = inputConformance({ create: listener(handle), acknowledges: true, patience: 100 });
    const found = suite.find((one) => one.name.includes(name));
    await expect(found?.run()).rejects.toThrow(Error);
  });
});
