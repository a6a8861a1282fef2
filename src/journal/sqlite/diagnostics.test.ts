import { expect, onTestFinished, test } from "vitest";
import { JournalTests } from "../../testing/journal/tester.ts";
import { batchWritten, type BatchWritten } from "../diagnostics.ts";
import { createSqlitePlace } from "./place.test-helper.ts";

const tests = new JournalTests({
  name: "sqlite:",
  capabilities: { durable: true, shared: false },
  createPlace: () => createSqlitePlace(),
});

test("a batch is told of once it is on disk: its file, what went together, and how long that took", async () => {
  const place = await createSqlitePlace();
  const t = await tests.open(place);
  onTestFinished(() => place.remove());
  const told: BatchWritten[] = [];
  const listen = (message: unknown): number => told.push(message as BatchWritten);
  batchWritten.subscribe(listen);
  onTestFinished(() => {
    batchWritten.unsubscribe(listen);
  });

  await Promise.all([t.emit(), t.emit({ to: ["work", "other"] })]);
  expect(told).toEqual([{ path: place.file, commits: 2, rows: 5, duration: expect.any(Number), ok: true }]);
  expect(told[0]?.duration).toBeGreaterThan(0);

  batchWritten.unsubscribe(listen);
  await t.emit();
  expect(told).toHaveLength(1);
});
