import { expect, onTestFinished, test } from "vitest";
import { callerOf, startPipeline } from "../../../test/support/api.ts";
import type { Orchestrator } from "../../engine/orchestrator.ts";
import { createApi } from "../api.ts";
import { SCHEMAS } from "../openapi/schemas.ts";

async function open(): Promise<Orchestrator> {
  const orchestrator = await startPipeline();
  onTestFinished(() => orchestrator.stop({ grace: 0 }));
  return orchestrator;
}

async function linesOf(orchestrator: Orchestrator, path: string, body: object): Promise<unknown[]> {
  const headers = { "content-type": "application/json" };
  const request = new Request(`http://127.0.0.1:8787/api/v1/${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  const response = await createApi(orchestrator).fetch(request);
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = (await response.text()).trim().split("\n");
  return lines.map((line) => SCHEMAS.SurveyLine.parse(JSON.parse(line)));
}

test("events of the past go to a process that was added, and the answer tells it line by line", async () => {
  const orchestrator = await open();
  const { uid } = await orchestrator.emit("orders", { id: "7", time: "2026-01-01T00:00:00Z" });
  orchestrator.addProcess({ name: "late", run: () => undefined });
  orchestrator.addLink("orders", "late");
  const request = { filter: { input: "orders", until: "2026-02-01T00:00:00Z" }, to: "late" };
  const preview = await linesOf(orchestrator, "events/replay", { ...request, dryRun: true });
  expect(preview.at(-1)).toEqual({ report: { matched: 1, replayed: 0, samples: [uid] } });
  const lines = await linesOf(orchestrator, "events/replay", { ...request, rate: "100/s" });
  expect(lines).toEqual([
    { progress: { location: "late", done: 1, total: null } },
    { progress: { location: "late", done: 1, total: null } },
    { report: { matched: 1, replayed: 1, samples: [uid] } },
  ]);
  await orchestrator.settled(uid);
  expect(await orchestrator.history.run(`${uid}/late`)).toMatchObject({ state: "succeeded" });
});

test("runs are replayed at a rate line by line, without one in a single answer", async () => {
  const orchestrator = await open();
  const { uid } = await orchestrator.emit("orders", { data: { fail: "no" } });
  await orchestrator.settled(uid);
  const lines = await linesOf(orchestrator, "runs/replay", { filter: { state: "dead" }, rate: "100/s" });
  expect(lines.at(-1)).toEqual({ report: { matched: 1, replayed: 1 } });
});

test("runs are chosen for a replay by input, time and text, and listed from either end", async () => {
  const orchestrator = await open();
  const call = callerOf(orchestrator);
  const uids: string[] = [];
  for (const [index, fail] of ["disk full", "no route"].entries()) {
    const event = { time: `2026-01-0${index + 1}T00:00:00Z`, data: { fail } };
    const { uid } = await orchestrator.emit("orders", event);
    await orchestrator.settled(uid);
    uids.push(uid);
  }
  const count = async (filter: object): Promise<unknown> =>
    (await call("POST", "/api/v1/runs/replay", { filter, dryRun: true })).body;
  expect(await count({ input: "orders" })).toEqual({ matched: 2, replayed: 0 });
  expect(await count({ input: "other" })).toEqual({ matched: 0, replayed: 0 });
  expect(await count({ text: "DISK" })).toEqual({ matched: 1, replayed: 0 });
  expect(await count({ since: "2026-01-02T00:00:00Z" })).toEqual({ matched: 1, replayed: 0 });
  expect(await count({ until: "2026-01-02T00:00:00Z", text: "route" })).toEqual({ matched: 0, replayed: 0 });
  const list = async (query: string): Promise<string[]> =>
    (await call("GET", `/api/v1/runs?state=dead${query}`)).body.items.map(
      ({ event }: { event: string }) => event,
    );
  expect(await list("&oldestFirst=true")).toEqual(uids);
  expect(await list("&oldestFirst=false")).toEqual(uids.toReversed());
  expect((await call("GET", "/api/v1/runs?oldestFirst=1")).body).toMatchObject({ code: "INVALID_QUERY" });
});

const FILTER = { input: "orders" };
test.each([
  ["events/replay", { filter: FILTER }, 400, "which process"],
  ["events/replay", { filter: {}, to: "land" }, 400, "empty filter"],
  ["events/replay", { to: "land" }, 400, "needs a filter"],
  ["events/replay", { filter: { inputs: "orders" }, to: "land" }, 400, 'did you mean "input"'],
  ["events/replay", { filter: { since: "soon" }, to: "land" }, 400, "since must be a time"],
  ["events/replay", { filter: { operation: "upsert" }, to: "land" }, 400, "not an operation"],
  ["events/replay", { filter: { key: 7 }, to: "land" }, 400, "key must be a string"],
  ["events/replay", { filter: FILTER, to: "lnad" }, 404, 'did you mean "land"'],
  ["events/replay", { filter: FILTER, to: "orders" }, 404, "no process"],
  ["events/replay", { filter: FILTER, to: "land", rate: "1e9/s" }, 400, "not a rate"],
  ["events/replay", { filter: FILTER, to: "land", dryRun: 1 }, 400, "dryRun must be true or false"],
  ["runs/replay", { filter: { since: "soon" } }, 400, "since must be a time"],
  ["runs/replay", { filter: { input: 7 } }, 400, "input must be a string"],
  ["runs/replay", { filter: { state: "dead" }, rate: "-1/s" }, 400, "not a rate"],
  ["runs/replay", { filter: { state: "dead" }, rate: 5 }, 400, "rate must be a string"],
])("POST %s %j is refused before it begins", async (path, body, status, part) => {
  const call = callerOf(await open());
  const answer = await call("POST", `/api/v1/${path}`, body);
  expect(answer.status).toBe(status);
  expect(answer.body.detail).toContain(part);
});

test("events are found by what they say of themselves", async () => {
  const orchestrator = await open();
  const call = callerOf(orchestrator);
  await orchestrator.emit("orders", { location: "raw.orders", id: "1", operation: "create", key: "k" });
  await orchestrator.emit("orders", { location: "raw.orders", id: "2", time: "2026-01-01T00:00:00Z" });
  const found = async (query: string): Promise<string[]> =>
    (await call("GET", `/api/v1/events?${query}`)).body.items.map(({ id }: { id: string }) => id);
  expect(await found("location=raw.orders")).toEqual(["2", "1"]);
  expect(await found("key=k")).toEqual(["1"]);
  expect(await found("operation=insert")).toEqual(["1"]);
  expect(await found("until=2026-01-02T00:00:00Z")).toEqual(["2"]);
  expect(await call("GET", "/api/v1/events?operation=upsert")).toMatchObject({
    status: 400,
    body: { code: "INVALID_QUERY" },
  });
});
