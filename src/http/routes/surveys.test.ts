import { expect, onTestFinished, test } from "vitest";
import { callerOf, type CallApi } from "../../../test/support/api.ts";
import { Orchestrator } from "../../engine/orchestrator.ts";
import { createMemoryJournal } from "../../journal/memory/journal.ts";
import { createApi } from "../api.ts";
import { SCHEMAS } from "../openapi/schemas.ts";
import type { Input } from "../../model/component.ts";

const PATH = "/api/v1/inputs/orders/backfill";

async function pipelineWith(backfill: NonNullable<Input["backfill"]>): Promise<Orchestrator> {
  const orchestrator = new Orchestrator({ journal: createMemoryJournal() });
  orchestrator.addInput({
    name: "orders",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    backfill,
  });
  await orchestrator.start();
  onTestFinished(() => orchestrator.stop({ grace: 0 }));
  return orchestrator;
}

async function callOf(backfill: NonNullable<Input["backfill"]>): Promise<CallApi> {
  const redact = (text: string): string => text.replaceAll("hunter2", "***");
  return callerOf(await pipelineWith(backfill), { redact });
}

test("what a survey fails with after it began is told with its code, and without secrets", async () => {
  const call = await callOf(async () => {
    throw Object.assign(new Error('password "hunter2" was refused'), { code: "28P01" });
  });
  expect(await call("POST", PATH)).toMatchObject({
    status: 200,
    body: { error: { code: "28P01", message: 'password "***" was refused' } },
  });
});

test("its lines are as described: how far it is, then the report", async () => {
  const orchestrator = await pipelineWith(async ({ progress }) => {
    progress("raw.orders", 1, null);
    return { tables: [] };
  });
  const request = new Request(`http://127.0.0.1:8787${PATH}`, { method: "POST" });
  const text = await (await createApi(orchestrator).fetch(request)).text();
  const lines = text
    .trim()
    .split("\n")
    .map((line) => SCHEMAS.SurveyLine.parse(JSON.parse(line)));
  const progress = { location: "raw.orders", done: 1, total: null };
  expect(lines).toEqual([{ progress }, { progress }, { report: { tables: [] } }]);
});

test.each([
  ["a key that is none", { tabel: "a" }, 'did you mean "table"'],
  ["a value of another type", { restart: "yes" }, "restart must be a boolean"],
  ["a key of an audit", { repair: true }, "repair"],
])("%s is refused before a survey begins", async (_, body, part) => {
  let begun = false;
  const call = await callOf(async () => {
    begun = true;
    return { tables: [] };
  });
  const answer = await call("POST", PATH, body);
  expect(answer).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
  expect(answer.body.detail).toContain(part);
  expect(begun).toBe(false);
});

test("a condition is for the machine of the pipeline only", async () => {
  const call = await callOf(async () => ({ tables: [] }));
  expect(await call("POST", PATH, { where: "true" })).toMatchObject({
    status: 403,
    body: { code: "FORBIDDEN" },
  });
});
