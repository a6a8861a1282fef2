/* oxlint-disable typescript/only-throw-error -- what this is about */
import { expect, test } from "vitest";
import type { Process } from "../../src/model/component.ts";
import { isPermanentError, isRetryAfter, isSluiceError, toErrorRecord } from "../../src/model/errors.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { createHandledInput, createTestPipeline } from "../support/engine.ts";

/** Throws itself, however one looks at it. */
function createTrap(): object {
  const spring = (): never => {
    throw trap;
  };
  const trap: object = new Proxy(
    {},
    { get: spring, has: spring, getPrototypeOf: spring, ownKeys: spring, getOwnPropertyDescriptor: spring },
  );
  return trap;
}

function createRevoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Reads well at first sight, then throws itself. */
function createLateTrap(): Error {
  const error = new Error("late");
  const get = (): never => {
    throw error;
  };
  return Object.defineProperties(error, { pauseProcess: { get }, delay: { get }, message: { get } });
}

const traps = [
  ["a Proxy that throws itself", createTrap],
  ["a revoked Proxy", createRevoked],
  ["an error whose getters throw it", createLateTrap],
] as const;

test.each(traps)("%s has no mark, and can be kept", (_what, create) => {
  const trap = create();
  expect([isSluiceError(trap), isPermanentError(trap), isRetryAfter(trap)]).toEqual([false, false, false]);
  expect(toErrorRecord(trap).code).toBe("RUN_FAILED");
});

test.each(traps)(
  "a process that throws, rejects with or answers %s only fails its run",
  async (_what, create) => {
    await using pipeline = createTestPipeline();
    const deeds: Record<string, Process["run"]> = {
      throws: () => {
        throw create();
      },
      rejects: async () => Promise.reject(create()),
      answers: () => create() as never,
    };
    for (const [name, run] of Object.entries(deeds)) {
      pipeline.orchestrator.addProcess({ name, run }, { retry: { attempts: 1 } });
      pipeline.orchestrator.addLink("source", name);
    }
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const uid = await pipeline.emit();
    await pipeline.turn();
    const journey = await pipeline.orchestrator.history.journey(uid);
    const states = Object.fromEntries(journey?.runs.map(({ process, state }) => [process, state]) ?? []);
    expect(states).toMatchObject({ throws: "dead", rejects: "dead" });
    expect(states["answers"]).not.toBe("running");
    expect((await pipeline.orchestrator.processes()).map(({ running }) => running)).toEqual([0, 0, 0]);
  },
);

test.each(traps)(
  "an input that rejects with %s is started anew, and that is logged",
  async (_what, create) => {
    const logged: string[] = [];
    const logger = {
      ...silentLogger,
      error: (fields: { err?: { cause?: { message: unknown } } }, message: string) => {
        // As loggers do, it looks at causes.
        logged.push(`${message} ${String(fields.err?.cause?.message)}`);
      },
    };
    await using pipeline = createTestPipeline({ logger });
    const { input, lives } = createHandledInput("failing");
    pipeline.orchestrator.addInput(input);
    pipeline.orchestrator.onError(() => {
      throw create();
    });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    lives[0]?.fail(create());
    await pipeline.turn();
    expect(pipeline.orchestrator.inputs()).toMatchObject([{}, { name: "failing", state: "backing off" }]);
    expect(pipeline.errors).toMatchObject([{ code: "INPUT_FAILED" }]);
    expect(logged.join("\n")).toMatch(/input "failing" failed/);
  },
);

test("an error's code is cut as its message is", () => {
  const error = Object.assign(new Error("m"), { code: "x".repeat(1_000_000) });
  expect(toErrorRecord(error)).toEqual({ code: "x".repeat(100), message: "m" });
});
