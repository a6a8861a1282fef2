import { describe, expect, test } from "vitest";
import { RetryAfter, SluiceError } from "../../model/errors.ts";
import { createFakeClock } from "../../testing/clock.ts";
import { CircuitBreaker, type Health } from "./breaker.ts";

const ILL = new SluiceError("NETWORK", "no answer");

function create(failures = 3) {
  const clock = createFakeClock();
  const opened: string[] = [];
  const { signal } = new AbortController();
  const breaker = new CircuitBreaker({
    failures,
    coolDown: 1_000,
    longest: 5_000,
    host: "https://a.example",
  });
  return {
    clock,
    opened,
    call: (call: () => Promise<unknown>, health: Health = "ill", own: AbortSignal = signal) =>
      breaker.guard(
        clock,
        own,
        call,
        () => health,
        (message) => void opened.push(message),
      ),
  };
}

const fails = (): Promise<never> => Promise.reject(ILL);
const works = (): Promise<string> => Promise.resolve("well");

/** Holds a call open until the test decides how it ends. */
function pending() {
  let resolve = (_value: string): void => undefined;
  let reject = (_error: unknown): void => undefined;
  const promise = new Promise<string>((settle, refuse) => {
    resolve = settle;
    reject = refuse;
  });
  return { call: () => promise, resolve, reject };
}

describe("a circuit breaker", () => {
  test("lets calls through while the host is well, and what they throw", async () => {
    const { call } = create();
    expect(await call(works)).toBe("well");
    await expect(call(fails)).rejects.toBe(ILL);
    await expect(call(fails)).rejects.toBe(ILL);
    expect(await call(works)).toBe("well");
    await expect(call(fails)).rejects.toBe(ILL);
  });

  test("opens after so many failures in a row; the last of them and all later calls are postponed", async () => {
    const { call, clock, opened } = create();
    await expect(call(fails)).rejects.toBe(ILL);
    await expect(call(fails)).rejects.toBe(ILL);
    const open = { name: "Postponed", code: "CIRCUIT_OPEN", delay: 1_000, holdProcess: true };
    await expect(call(fails)).rejects.toMatchObject({ ...open, cause: ILL });
    await clock.advance(400);
    let called = false;
    const late = call(async () => (called = true));
    await expect(late).rejects.toMatchObject({
      ...open,
      delay: 600,
      message: expect.stringContaining("no answer"),
    });
    expect(called).toBe(false);
    expect(opened).toHaveLength(1);
  });

  test("what is no failure of the host counts as none, and answers of a host that is well count as such", async () => {
    const { call } = create(2);
    for (let i = 0; i < 5; i += 1) await expect(call(fails, "neutral")).rejects.toBe(ILL);
    await expect(call(fails)).rejects.toBe(ILL);
    await expect(call(fails, "well")).rejects.toBe(ILL);
    await expect(call(fails)).rejects.toBe(ILL);
  });

  test("is probed by one call when the time is over; the others wait for what it tells", async () => {
    const { call, clock } = create(1);
    await expect(call(fails)).rejects.toMatchObject({ name: "Postponed" });
    await clock.advance(1_000);
    const probe = pending();
    const probing = call(probe.call);
    let calls = 0;
    const waiting = Promise.all([1, 2, 3].map(() => call(async () => (calls += 1))));
    await clock.advance(0);
    expect(calls).toBe(0);
    probe.resolve("well");
    expect(await probing).toBe("well");
    await waiting;
    expect(calls).toBe(3);
  });

  test("stays open for longer each time that the probe fails, up to a bound, and forgets that once it is well", async () => {
    const { call, clock } = create(1);
    const delays: unknown[] = [];
    for (let i = 0; i < 5; i += 1) {
      const probe = pending();
      const probing = call(probe.call);
      const waiting = call(works);
      // Both are looked at before they can reject.
      const both = Promise.allSettled([probing, waiting]);
      await clock.advance(0);
      probe.reject(ILL);
      const [first, second] = (await both) as [PromiseRejectedResult, PromiseRejectedResult];
      const { delay } = first.reason as { delay: number };
      if (i > 0) expect(second.reason).toMatchObject({ name: "Postponed", delay });
      delays.push(delay);
      await clock.advance(delay);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(await call(works)).toBe("well");
    await expect(call(fails)).rejects.toMatchObject({ delay: 1_000 });
  });

  test("waits as long as the host asks", async () => {
    const { call, clock } = create(1);
    const asked = new RetryAfter("busy", { delay: 60_000 });
    await expect(call(() => Promise.reject(asked))).rejects.toMatchObject({
      name: "Postponed",
      delay: 60_000,
    });
    await clock.advance(59_999);
    await expect(call(works)).rejects.toMatchObject({ delay: 1 });
    await clock.advance(1);
    expect(await call(works)).toBe("well");
  });

  test("a probe that is given up says nothing: the next call is one", async () => {
    const { call, clock } = create(1);
    await expect(call(fails)).rejects.toMatchObject({ name: "Postponed" });
    await clock.advance(1_000);
    const probe = pending();
    const probing = call(probe.call, "neutral");
    const waiting = call(works);
    const gone = new AbortController();
    const leaving = call(works, "ill", gone.signal);
    gone.abort(new Error("cancelled"));
    await expect(leaving).rejects.toThrow("cancelled");
    probe.reject(ILL);
    await expect(probing).rejects.toBe(ILL);
    expect(await waiting).toBe("well");
  });

  test("a call that began before it opened and fails after is postponed too; one that succeeds closes it", async () => {
    const { call } = create(1);
    const [late, lucky] = [pending(), pending()];
    const lateCall = call(late.call);
    const luckyCall = call(lucky.call);
    await expect(call(fails)).rejects.toMatchObject({ name: "Postponed" });
    late.reject(ILL);
    await expect(lateCall).rejects.toMatchObject({ name: "Postponed" });
    lucky.resolve("well");
    await luckyCall;
    expect(await call(works)).toBe("well");
  });

  test("with no number of failures it never opens", async () => {
    const { call } = create(0);
    for (let i = 0; i < 50; i += 1) await expect(call(fails)).rejects.toBe(ILL);
  });
});
