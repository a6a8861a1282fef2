import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerOf, startPipeline, type CallApi } from "../../../test/support/api.ts";
import type { Orchestrator } from "../../engine/orchestrator.ts";
import { routes } from "../api.ts";
import { OPERATIONS_OF } from "./operations.ts";
import { SCHEMAS } from "./schemas.ts";

let orchestrator: Orchestrator;
let call: CallApi;
let callAsAdmin: CallApi;
beforeAll(async () => {
  orchestrator = await startPipeline();
  call = callerOf(orchestrator);
  callAsAdmin = callerOf(orchestrator, { owner: true });
});
afterAll(() => orchestrator.stop({ grace: 0 }));

test("every route is described, and nothing else", () => {
  const described = Object.keys(OPERATIONS_OF).sort();
  expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(described);
});

test("the description names each route once, with its parameters, and every reference leads somewhere", async () => {
  const { body } = await call("GET", "/api/v1/openapi.json");
  expect(body.openapi).toBe("3.1.0");
  for (const { method, path, role } of routes) {
    const operation = body.paths[path.replaceAll(/:(\w+)/g, "{$1}")][method.toLowerCase()];
    expect(operation.summary.length).toBeGreaterThan(4);
    expect(operation["x-role"]).toBe(role);
    const names = (operation.parameters ?? []).map((parameter: { name: string }) => parameter.name);
    for (const [, name] of path.matchAll(/:(\w+)/g)) expect(names).toContain(name);
    expect((operation.requestBody === undefined) === (method === "GET" || method === "DELETE")).toBe(true);
  }
  for (const [, name] of JSON.stringify(body).matchAll(/#\/components\/schemas\/(\w+)/g)) {
    expect(body.components.schemas).toHaveProperty(name as string);
  }
});

test("what a query may hold is what the route takes", async () => {
  for (const [name, { query }] of Object.entries(OPERATIONS_OF)) {
    if (query === undefined || !name.startsWith("GET ") || name.includes(":") || name.includes("stream"))
      continue;
    const values: Readonly<Record<string, string>> = {
      limit: "1",
      state: "dead",
      event: "0193c0de-0000-7000-8000-00000000000f",
      since: "2026-01-01T00:00:00Z",
      until: "2026-01-01T00:00:00Z",
      operation: "create",
      oldestFirst: "true",
    };
    const search = new URLSearchParams(
      Object.keys(query)
        .filter((key) => key !== "cursor")
        .map((key) => [key, values[key] ?? "x"]),
    );
    const path = name.slice(4);
    expect((await call("GET", `${path}?${search.toString()}`)).status, name).toBe(200);
    const { body } = await call("GET", `${path}?nonsense=1`);
    const [, taken = ""] = /there are ([a-z, ]+)/i.exec(body.detail) ?? [];
    expect(taken.split(", ").sort(), name).toEqual(Object.keys(query).sort());
  }
});

describe("answers are as described", () => {
  async function check(method: string, route: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await callAsAdmin(method, path, body);
    const operation = OPERATIONS_OF[`${method} ${route}`];
    const name = operation?.answers[answer.status];
    expect(name, `${method} ${path} answered ${answer.status}`).toBeDefined();
    SCHEMAS[name as keyof typeof SCHEMAS].parse(answer.body);
    return answer.body;
  }

  test("of every route that answers JSON", async () => {
    const api = "/api/v1";
    const emit = `${api}/inputs/:name/events`;
    const { uid } = (await check("POST", emit, `${api}/inputs/orders/events`, {
      data: { fail: "order 5", log: "a line" },
      headers: { a: "b" },
    })) as { uid: string };
    await check("POST", emit, `${api}/inputs/orders/events`, { uid });
    await orchestrator.settled(uid);
    const run = encodeURIComponent(`${uid}/land`);
    for (const path of ["pipeline", "graph", "inputs", "processes", "events", "runs", "dead-letters"]) {
      await check("GET", `${api}/${path}`, `${api}/${path}`);
    }
    for (const path of ["/healthz", "/readyz", `${api}/openapi.json`]) await check("GET", path, path);
    await check("GET", `${api}/events/:uid`, `${api}/events/${uid}`);
    await check("GET", `${api}/runs/:id`, `${api}/runs/${run}`);
    await check("GET", `${api}/runs/:id/attempts`, `${api}/runs/${run}/attempts`);
    await check("GET", `${api}/runs/:id/logs`, `${api}/runs/${run}/logs`);
    await check("POST", `${api}/runs/replay`, `${api}/runs/replay`, {
      filter: { state: "dead" },
      dryRun: true,
    });
    await check("POST", `${api}/runs/:id/replay`, `${api}/runs/${run}/replay`, { data: { wait: true } });
    await check(
      "POST",
      `${api}/runs/:id/cancel`,
      `${api}/runs/${encodeURIComponent(`${uid}/land~1`)}/cancel`,
      {},
    );
    await check("POST", `${api}/forget`, `${api}/forget`, { key: "orders/7" });
    for (const action of ["pause", "resume", "restart"]) {
      await check("POST", `${api}/inputs/:name/${action}`, `${api}/inputs/orders/${action}`, {});
    }
    for (const action of ["pause", "resume"]) {
      await check("POST", `${api}/processes/:name/${action}`, `${api}/processes/land/${action}`, {});
    }
  });

  test("errors are problems", async () => {
    SCHEMAS.Problem.parse((await call("GET", "/api/v1/nothing")).body);
    SCHEMAS.Problem.parse((await call("PUT", "/api/v1/pipeline", {})).body);
  });
});
