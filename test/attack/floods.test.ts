import { expect, test } from "vitest";
import { createTestPipeline } from "../support/engine.ts";

test.each([
  ["empty lines", ""],
  ["short lines", "x"],
  ["long lines", "x".repeat(10_000)],
  ["lines of megabytes", "x".repeat(5_000_000)],
])("a run that logs %s without end is cut off, and what is kept of it stays small", async (_what, line) => {
  await using pipeline = createTestPipeline();
  pipeline.orchestrator.addProcess({
    name: "talks",
    run(_, { log }) {
      for (let i = 0; i < 50_000; i += 1) log(line);
    },
  });
  pipeline.orchestrator.addLink("source", "talks");
  await pipeline.orchestrator.start();
  await pipeline.turn();
  const uid = await pipeline.emit();
  await pipeline.turn();
  const texts: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = { limit: 1_000, ...(cursor !== undefined && { cursor }) };
    const { items, next } = await pipeline.orchestrator.history.logs(`${uid}/talks`, page);
    texts.push(...items.map(({ text }) => text));
    if (next === null) break;
    cursor = next;
  }
  expect(texts.length).toBeLessThanOrEqual(10_002);
  expect(texts.join("").length).toBeLessThan(1_100_000);
  expect(texts.at(-1)).toBe("the log of this attempt was cut after 1000000 characters");
});
