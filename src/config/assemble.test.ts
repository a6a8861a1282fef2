import { expect, test } from "vitest";
import { ORDERS, parse } from "../../test/support/config.ts";
import { Orchestrator } from "../engine/orchestrator.ts";
import { createMemoryJournal } from "../journal/memory/journal.ts";
import { assemble, type OrchestratorSettings } from "./assemble.ts";

test("an orchestrator is made of all that the file says, and not started", async () => {
  const pipeline = await parse(ORDERS);
  let given: OrchestratorSettings | undefined;
  const orchestrator = assemble(pipeline, {
    create(settings) {
      given = settings;
      const { journal: _journal, retention: _retention, ...rest } = settings;
      return new Orchestrator({ ...rest, journal: createMemoryJournal() });
    },
  });
  expect(given).toEqual({
    name: "orders",
    journal: pipeline.journal,
    retention: pipeline.retention,
    concurrency: 64,
    grace: "45s",
    redact: pipeline.redact,
    revision: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  expect(orchestrator.state).toBe("new");
  expect(orchestrator.name).toBe("orders");
  expect(orchestrator.graph()).toEqual(pipeline.topology.graph());
  expect(orchestrator.hooks().map(({ name, path }) => [name, path])).toEqual([["shop", "/hooks/shop"]]);
});
