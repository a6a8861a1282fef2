import { expect, test } from "vitest";
import { startPipeline } from "../../test/support/api.ts";
import { createKeepingLogger } from "../../test/support/logger.ts";
import { attemptEnded, type AttemptEnded } from "../engine/diagnostics.ts";
import { toEventRecord } from "../model/event.ts";
import { createFakeClock } from "../testing/clock.ts";
import { logFailures } from "./run-log.ts";

function end(given: Partial<AttemptEnded>): void {
  const event = toEventRecord({}, "orders", 0, () => "0193c0de-0000-7000-8000-000000000001");
  attemptEnded.publish({
    pipeline: "shop",
    process: "land",
    run: `${event.uid}/land`,
    attempt: 1,
    event,
    outcome: "failed",
    duration: 1,
    error: { code: "RUN_FAILED", message: "no stock" },
    final: false,
    ...given,
  });
}

test("a run that dies is in the log of its pipeline", async () => {
  await using orchestrator = await startPipeline();
  const { logger, lines } = createKeepingLogger();
  const stop = logFailures(orchestrator.name, logger, createFakeClock());
  const { uid } = await orchestrator.emit("orders", { data: { fail: "no" } });
  await orchestrator.settled(uid);
  stop();
  expect(lines).toEqual([expect.stringMatching(/^error: a run of "land" is dead: .*no/)]);
});

test("a run that dies without an attempt is in it, too", async () => {
  await using orchestrator = await startPipeline();
  orchestrator.addProcess({ name: "picky", run: () => undefined });
  orchestrator.addLink("orders", "picky", { when: "data.total > 1.0" });
  const { logger, lines } = createKeepingLogger();
  const stop = logFailures(orchestrator.name, logger, createFakeClock());
  const { uid } = await orchestrator.emit("orders", { data: {} });
  await orchestrator.settled(uid);
  stop();
  expect(lines).toEqual([
    expect.stringMatching(/^error: a run of "picky" is dead, and had no attempt: .*total/),
  ]);
});

test("an attempt that is tried again is a warning; what succeeds, and other pipelines, are no news", () => {
  const { logger, lines } = createKeepingLogger();
  const stop = logFailures("shop", logger, createFakeClock());
  end({});
  end({ outcome: "succeeded", error: null, final: true });
  end({ pipeline: "other" });
  stop();
  end({});
  expect(lines).toEqual(['warn: an attempt of "land" failed and is tried again: no stock']);
});

test("ten thousand failures in a second are told of by a few, and by their number", async () => {
  const { logger, lines } = createKeepingLogger();
  const clock = createFakeClock();
  const stop = logFailures("shop", logger, clock);
  for (let index = 0; index < 10_000; index++) end({ final: index % 2 === 1 });
  expect(lines).toHaveLength(20);
  await clock.advance(1_000);
  expect(lines.at(-1)).toBe("warn: 9980 more failed in the last second");
  end({});
  expect(lines).toHaveLength(22);
  stop();
});
