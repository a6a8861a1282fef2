import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { isSluiceError } from "../../src/model/errors.ts";
import { listener } from "../support/engine.ts";

// What plain JavaScript can hand in where the types forbid it.
describe.each(["memory:", "sqlite:"])("values of the wrong type, over %s", (kind) => {
  let folder: string;
  let orchestrator: Orchestrator;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-attack-"));
    orchestrator = new Orchestrator({
      journal: kind === "memory:" ? kind : `${kind}${folder}/journal.db`,
      grace: "1s",
    });
    orchestrator.addInput(listener("source"));
    orchestrator.addProcess({ name: "work", run: () => undefined });
    orchestrator.addLink("source", "work");
    await orchestrator.start();
  });
  afterEach(async () => {
    await orchestrator.stop();
    rmSync(folder, { recursive: true });
  });

  test.each([{}, 7, "", () => undefined, Symbol("x"), null])("dedupe as %s is refused", async (dedupe) => {
    const good = orchestrator.emit("source", {});
    await expect(orchestrator.emit("source", {}, { dedupe } as never)).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
    });
    expect(await good).toMatchObject({ duplicate: false });
  });

  test.each([{}, 7, () => undefined, Symbol("x"), null])("a run's id as %s names no run", async (id) => {
    const outcomes = [await orchestrator.cancel([id] as never), await orchestrator.replay([id] as never)];
    expect(outcomes.flat()).toMatchObject([{ ok: false }, { ok: false }]);
  });

  test("a key of state as a function ends neither the host nor what comes at the same time", async () => {
    const put = { type: "pause", name: () => undefined } as never;
    const results = await Promise.allSettled([
      orchestrator.emit("source", {}),
      orchestrator.journal.work.commit({ control: [put] }),
      orchestrator.journal.work.commit({
        state: [{ owner: "a", key: (() => undefined) as never, value: "1" }],
      }),
    ]);
    for (const result of results)
      if (result.status === "rejected") expect(isSluiceError(result.reason)).toBe(true);
    const { uid } = await orchestrator.emit("source", {});
    expect(await orchestrator.settled(uid)).toMatchObject([{ state: "succeeded" }]);
  });
});
