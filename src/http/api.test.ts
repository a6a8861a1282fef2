import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerOf, startPipeline, type CallApi } from "../../test/support/api.ts";
import { Orchestrator } from "../engine/orchestrator.ts";
import { journalFrom } from "../journal/open.ts";
import { SluiceError } from "../model/errors.ts";

let orchestrator: Orchestrator;
let call: CallApi;

beforeAll(async () => {
  orchestrator = await startPipeline();
  call = callerOf(orchestrator, { config: { name: "shop", token: "***" } });
});
afterAll(() => orchestrator.stop({ grace: 0 }));

async function emitted(event: object = {}): Promise<string> {
  const { body } = await call("POST", "/api/v1/inputs/orders/events", event);
  await orchestrator.settled(body.uid);
  return body.uid;
}

function pathOf(run: string): string {
  return `/api/v1/runs/${encodeURIComponent(run)}`;
}

describe("health", () => {
  test("a process that lives is healthy, and a pipeline that runs is ready", async () => {
    expect(await call("GET", "/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
    expect(await call("GET", "/readyz")).toMatchObject({ status: 200, body: { status: "ready" } });
  });

  test("a pipeline that has not started is healthy but not ready, and takes nothing", async () => {
    const fresh = new Orchestrator({ journal: journalFrom("memory:") });
    const callFresh = callerOf(fresh);
    expect((await callFresh("GET", "/healthz")).status).toBe(200);
    expect(await callFresh("GET", "/readyz")).toMatchObject({ status: 503, body: { code: "NOT_RUNNING" } });
    for (const path of ["pipeline", "inputs", "processes", "events", "runs", "dead-letters"]) {
      const answer = await callFresh("GET", `/api/v1/${path}`);
      expect(answer).toMatchObject({ status: 503, body: { code: "NOT_RUNNING" } });
      expect(answer.headers.get("retry-after")).toBe("1");
    }
    const refused = await callFresh("POST", "/api/v1/inputs/orders/events", {});
    expect(refused).toMatchObject({ status: 503, body: { code: "NOT_RUNNING" } });
  });
});

describe("what there is", () => {
  test("the pipeline tells its name, state, journal and masked configuration", async () => {
    expect((await call("GET", "/api/v1/pipeline")).body).toEqual({
      name: "shop",
      state: "running",
      version: null,
      managedBy: null,
      mayChange: false,
      journal: {
        id: orchestrator.journal.id,
        epoch: orchestrator.journal.epoch,
        durable: false,
        healthy: true,
      },
      openRuns: 0,
      config: { name: "shop", token: "***" },
      role: "operator",
    });
  });

  test("the pipeline tells each caller what it may do", async () => {
    const tokens = { viewerToken: "look", token: "steer", adminToken: "change" };
    const callGuarded = callerOf(orchestrator, tokens);
    const roleOf = async (token: string): Promise<string> =>
      (await callGuarded("GET", "/api/v1/pipeline", undefined, { authorization: `Bearer ${token}` })).body
        .role;
    expect(await roleOf("look")).toBe("viewer");
    expect(await roleOf("steer")).toBe("operator");
    expect(await roleOf("change")).toBe("admin");
  });

  test("the graph is answered as JSON", async () => {
    const { body } = await call("GET", "/api/v1/graph");
    expect(body).toEqual(orchestrator.graph());
    expect(body.edges).toContainEqual(expect.objectContaining({ from: "orders", to: "land", kind: "link" }));
  });

  test("inputs and processes are lists that end at once", async () => {
    const inputs = await call("GET", "/api/v1/inputs");
    expect(inputs.body.next).toBeNull();
    expect(inputs.body.items[0]).toMatchObject({
      name: "orders",
      type: "custom",
      state: "running",
      restarts: 0,
    });
    const processes = await call("GET", "/api/v1/processes");
    expect(processes.body.next).toBeNull();
    expect(processes.body.items[0]).toMatchObject({ name: "land", state: "running" });
  });

  test("HEAD answers as GET does, without the body", async () => {
    expect(await call("HEAD", "/api/v1/inputs")).toMatchObject({ status: 200, body: undefined });
  });
});

describe("emitting", () => {
  test("an event is accepted with its uid once it is durable", async () => {
    const answer = await call("POST", "/api/v1/inputs/orders/events", {
      location: "raw.orders",
      id: 7,
      data: { a: 1 },
    });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ uid: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    const shown = await call("GET", `/api/v1/events/${answer.body.uid}`);
    expect(Object.keys(shown.body.event).slice(0, 4)).toEqual(["location", "operation", "id", "trigger"]);
    expect(shown.body.event).toMatchObject({
      location: "raw.orders",
      id: "7",
      trigger: "orders",
      data: { a: 1 },
    });
  });

  test("the second event of a uid is a duplicate", async () => {
    const uid = "0193c0de-0000-7000-8000-000000000001";
    expect((await call("POST", "/api/v1/inputs/orders/events", { uid })).status).toBe(202);
    const second = await call("POST", "/api/v1/inputs/orders/events", { uid });
    expect(second).toMatchObject({ status: 200, body: { uid, duplicate: true } });
  });

  test("the second request of an idempotency key is a duplicate of the first", async () => {
    const headers = { "idempotency-key": "delivery 1" };
    const first = await call("POST", "/api/v1/inputs/orders/events", {}, headers);
    const second = await call("POST", "/api/v1/inputs/orders/events", {}, headers);
    expect(second).toMatchObject({ status: 200, body: { uid: first.body.uid, duplicate: true } });
  });

  test.each(["", "x".repeat(257), "\u00e4"])("the idempotency key %j is none", async (key) => {
    const { status } = await call("POST", "/api/v1/inputs/orders/events", {}, { "idempotency-key": key });
    expect(status).toBe(400);
  });

  test("the run and trace that caused an event are taken from the request's headers", async () => {
    const run = `${await emitted()}/land`;
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const { body } = await call(
      "POST",
      "/api/v1/inputs/orders/events",
      {},
      { "x-sluice-run": run, traceparent },
    );
    const { event } = (await call("GET", `/api/v1/events/${body.uid}`)).body;
    expect(event.cause).toMatchObject({ runs: [run], traceparent });
    const journey = (await call("GET", `/api/v1/events/${run.slice(0, 36)}`)).body;
    expect(journey.caused.map((caused: { uid: string }) => caused.uid)).toEqual([body.uid]);
  });

  test("a printed event can be sent again as it is, but not to another input", async () => {
    const event = { location: "a", operation: "create", id: "1", trigger: "orders" };
    expect((await call("POST", "/api/v1/inputs/orders/events", event)).status).toBe(202);
    const other = await call("POST", "/api/v1/inputs/orders/events", { ...event, trigger: "else" });
    expect(other).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
  });

  test.each([
    ["a misspelt key", { opration: "create" }, "BAD_REQUEST", 'did you mean "operation"'],
    ["a key of the prototype", '{"__proto__":{"a":1}}', "BAD_REQUEST", "__proto__"],
    ["an unknown operation", { operation: "upsert" }, "INVALID_OPERATION", "upsert"],
    ["a uid that is none", { uid: "7" }, "INVALID_EVENT", "uid"],
    ["headers that are no strings", { headers: { a: 1 } }, "INVALID_EVENT", "headers.a"],
    ["a time that is none", { time: "yesterday" }, "INVALID_EVENT", "time"],
    ["a cause", { cause: { runs: [], hops: 0 } }, "BAD_REQUEST", "cause"],
    ["a list", [], "BAD_REQUEST", "object"],
    ["null", "null", "BAD_REQUEST", "object"],
    ["nothing", "", "BAD_REQUEST", "JSON"],
    ["half of JSON", '{"a":', "BAD_REQUEST", "JSON"],
  ])("%s in an event is refused", async (_, event, code, part) => {
    const answer = await call("POST", "/api/v1/inputs/orders/events", event);
    expect(answer).toMatchObject({ status: 400, body: { code } });
    expect(answer.body.detail).toContain(part);
  });

  test("a key of the prototype inside the data is data", async () => {
    const { body } = await call("POST", "/api/v1/inputs/orders/events", '{"data":{"__proto__":{"a":1}}}');
    const { event } = (await call("GET", `/api/v1/events/${body.uid}`)).body;
    expect(JSON.stringify(event.data)).toBe('{"__proto__":{"a":1}}');
  });

  test("JSON a hundred thousand levels deep is refused: it could not be printed any more", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const answer = await call("POST", "/api/v1/inputs/orders/events", `{"data":${deep}}`);
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_EVENT" } });
  });

  test("an input that does not exist is not found", async () => {
    const answer = await call("POST", "/api/v1/inputs/nobody/events", {});
    expect(answer).toMatchObject({ status: 404, body: { code: "UNKNOWN_NAME" } });
    expect((await call("POST", "/api/v1/inputs/land/events", {})).status).toBe(404);
  });
});

describe("bodies", () => {
  test.each([
    ["text/plain", "text/plain"],
    ["a form", "application/x-www-form-urlencoded"],
    ["another charset", "application/json; charset=latin1"],
    ["what only begins like JSON", "application/jsonp"],
  ])("%s is no JSON", async (_, type) => {
    for (const path of [
      "inputs/orders/events",
      "inputs/orders/resume",
      "runs/replay",
      "processes/land/resume",
    ]) {
      const answer = await call("POST", `/api/v1/${path}`, "{}", { "content-type": type });
      expect(answer).toMatchObject({ status: 415, body: { code: "UNSUPPORTED_MEDIA_TYPE" } });
    }
  });

  test("a compressed body is refused", async () => {
    const answer = await call("POST", "/api/v1/inputs/orders/events", "{}", { "content-encoding": "gzip" });
    expect(answer.status).toBe(415);
  });

  test("JSON by another name is JSON", async () => {
    for (const type of ["application/json; charset=UTF-8", "application/cloudevents+json"]) {
      const answer = await call("POST", "/api/v1/inputs/orders/events", "{}", { "content-type": type });
      expect(answer.status).toBe(202);
    }
  });

  test("a body over 1 MB is refused, whether it says so or not", async () => {
    const large = JSON.stringify({ data: "x".repeat(1_048_576) });
    const answer = await call("POST", "/api/v1/inputs/orders/events", large);
    expect(answer).toMatchObject({ status: 413, body: { code: "PAYLOAD_TOO_LARGE" } });
    const announced = await call("POST", "/api/v1/inputs/orders/events", "{}", {
      "content-length": "1048577",
    });
    expect(announced.status).toBe(413);
  });

  test("actions take no body or an empty object", async () => {
    for (const action of ["pause", "resume", "restart"]) {
      expect((await call("POST", `/api/v1/inputs/orders/${action}`)).status).toBe(200);
      expect((await call("POST", `/api/v1/inputs/orders/${action}`, {})).status).toBe(200);
      const answer = await call("POST", `/api/v1/inputs/orders/${action}`, { now: true });
      expect(answer).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
    }
    await call("POST", "/api/v1/inputs/orders/resume");
  });
});

describe("runs", () => {
  test("a run is found by its id, whose slash is percent-encoded", async () => {
    const uid = await emitted();
    const { body } = await call("GET", pathOf(`${uid}/land`));
    expect(body).toEqual({
      id: `${uid}/land`,
      event: uid,
      process: "land",
      state: "succeeded",
      attempts: 1,
      dueAt: null,
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
      error: null,
      replayOf: null,
    });
    const attempts = await call("GET", `${pathOf(`${uid}/land`)}/attempts`);
    expect(attempts.body).toMatchObject({ items: [{ attempt: 1, outcome: "succeeded" }], next: null });
  });

  test("the log of a run is paged, oldest first", async () => {
    const uid = await emitted({ data: { log: "one\ntwo" } });
    const { body } = await call("GET", `${pathOf(`${uid}/land`)}/logs?limit=1`);
    expect(body.items).toEqual([
      { time: expect.any(String), attempt: 1, stream: "log", text: expect.stringContaining("one") },
    ]);
  });

  test("runs are filtered by state, process and event, and paged by cursor", async () => {
    const uid = await emitted({ data: { fail: "no" } });
    const found = await call("GET", `/api/v1/runs?state=dead&process=land&event=${uid}`);
    expect(found.body.items).toMatchObject([{ id: `${uid}/land`, state: "dead", error: { message: "no" } }]);
    const none = await call("GET", `/api/v1/runs?state=cancelled&event=${uid}`);
    expect(none.body).toEqual({ items: [], next: null });
    const first = await call("GET", "/api/v1/runs?limit=1");
    expect(first.body.items).toHaveLength(1);
    const second = await call("GET", `/api/v1/runs?limit=1&cursor=${encodeURIComponent(first.body.next)}`);
    expect(second.body.items[0].id).not.toBe(first.body.items[0].id);
  });

  test("a dead run can be replayed; a running one can be cancelled, and then not again", async () => {
    const uid = await emitted({ data: { fail: "no" } });
    const replayed = await call("POST", `${pathOf(`${uid}/land`)}/replay`);
    expect(replayed).toMatchObject({ status: 200, body: { ok: true, run: `${uid}/land` } });
    await orchestrator.settled(uid);

    const slow = await call("POST", "/api/v1/inputs/orders/events", { data: { wait: true } });
    const run = `${slow.body.uid}/land`;
    expect(await call("POST", `${pathOf(run)}/cancel`)).toMatchObject({ status: 200, body: { ok: true } });
    await orchestrator.settled(slow.body.uid);
    const again = await call("POST", `${pathOf(run)}/cancel`);
    expect(again).toMatchObject({ status: 409, body: { code: "RUN_STATE" } });
  });

  test("a run replayed with other data is a new run that names the old one", async () => {
    const uid = await emitted({ data: { fail: "no" } });
    const answer = await call("POST", `${pathOf(`${uid}/land`)}/replay`, { data: {} });
    expect(answer.body.run).toBe(`${uid}/land~1`);
    await orchestrator.settled(uid);
    const { body } = await call("GET", pathOf(`${uid}/land~1`));
    expect(body).toMatchObject({ state: "succeeded", replayOf: `${uid}/land` });
  });

  test.each(["replay", "cancel"])("to %s a run that does not exist is answered 404", async (action) => {
    for (const id of ["0193c0de-0000-7000-8000-00000000000f/land", "nothing", "../../etc/passwd"]) {
      const answer = await call("POST", `${pathOf(id)}/${action}`);
      expect(answer).toMatchObject({ status: 404, body: { code: "RUN_NOT_FOUND" } });
    }
  });

  test("dead letters are grouped", async () => {
    const uid = await emitted({ data: { fail: "no" } });
    const { body } = await call("GET", "/api/v1/dead-letters");
    expect(body.next).toBeNull();
    expect(body.items[0]).toMatchObject({ process: "land", error: { code: "RUN_FAILED" } });
    expect(body.items[0].newest.id).toBe(`${uid}/land`);
  });
});

describe("replaying many", () => {
  test("a dry run counts without replaying", async () => {
    const uid = await emitted({ data: { fail: "no" } });
    const filter = { state: "dead", process: "land", event: uid };
    const dry = await call("POST", "/api/v1/runs/replay", { filter, dryRun: true });
    expect(dry).toMatchObject({ status: 200, body: { matched: 1, replayed: 0 } });
    expect((await call("POST", "/api/v1/runs/replay", { filter })).body).toEqual({ matched: 1, replayed: 1 });
    await orchestrator.settled(uid);
  });

  test.each([
    ["no filter", {}],
    ["an empty filter", { filter: {} }],
    ["a filter that is no object", { filter: [] }],
    ["an unknown filter key", { filter: { state: "dead", proces: "land" } }],
    ["an unknown key", { filter: { state: "dead" }, dry_run: true }],
    ["an unknown state", { filter: { state: "deadish" } }],
    ["a state that cannot be replayed", { filter: { state: "running" } }],
    ["a process that is no string", { filter: { process: 1 } }],
    ["an event that is no uid", { filter: { event: "x" } }],
    ["a dryRun that is not true or false", { filter: { state: "dead" }, dryRun: "yes" }],
  ])("%s is refused", async (_, body) => {
    expect((await call("POST", "/api/v1/runs/replay", body)).status).toBe(400);
  });
});

describe("queries", () => {
  test.each([
    "runs?limit=1e9",
    "runs?limit=0",
    "runs?limit=abc",
    "runs?limit=",
    "runs?limit=-1",
    "runs?limit=1001",
    "runs?limit=1&limit=2",
    "runs?state=dying",
    "runs?state=",
    "runs?event=x",
    "runs?cursor=nonsense",
    "runs?cursor=",
    "runs?stat=dead",
    "events?limit=1001",
    "events?cursor=nonsense",
    "events?input=orders",
    "inputs?limit=1",
    "graph?format=dot",
    "dead-letters?x=1",
  ])("%s is refused", async (path) => {
    const answer = await call("GET", `/api/v1/${path}`);
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_QUERY" } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
  });

  test.each([
    "runs?limit=1",
    "runs?limit=1000",
    "events?limit=1000&trigger=orders",
    "runs?process=unheard_of",
  ])("%s is answered", async (path) => {
    expect((await call("GET", `/api/v1/${path}`)).status).toBe(200);
  });
});

describe("what does not exist", () => {
  test.each([
    "/",
    "/api",
    "/api/v1",
    "/api/v1/",
    "/api/v2/runs",
    "/api/v1/runs/",
    "/api/v1/..%2f..%2fetc%2fpasswd",
    "/api/v1/runs/..%2f..%2fetc%2fpasswd",
    "/api/v1/runs/%2e%2e%2f",
    "/api/v1/runs/a%0d%0aSet-Cookie:%20x=1",
    "/api/v1/runs/%",
    "/api/v1/runs/%ff%fe",
    "/api/v1/events/nothing",
    "/api/v1/events/0193c0de-0000-7000-8000-00000000000f",
    "/api/v1/runs/x%2Fy/nothing",
    "/metricsx",
    "//evil.example/api/v1/runs",
  ])("%s is answered 404 with a problem", async (path) => {
    const answer = await call("GET", path);
    expect(answer).toMatchObject({ status: 404, body: { status: 404, title: "Not Found" } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect([...answer.headers.keys()]).not.toContain("set-cookie");
  });

  test.each([
    ["POST", "/api/v1/runs", "GET, HEAD"],
    ["DELETE", "/api/v1/inputs", "GET, HEAD"],
    ["GET", "/api/v1/inputs/orders/events", "POST"],
    ["OPTIONS", "/api/v1/inputs/orders/events", "POST"],
    ["PATCH", "/api/v1/pipeline", "GET, HEAD, PUT"],
    ["POST", "/healthz", "GET, HEAD"],
  ])("%s %s is answered 405 with what is allowed", async (method, path, allow) => {
    const answer = await call(method, path);
    expect(answer).toMatchObject({ status: 405, body: { code: "METHOD_NOT_ALLOWED" } });
    expect(answer.headers.get("allow")).toBe(allow);
  });
});

test("the pipeline cannot be changed through the API", async () => {
  expect(await call("PUT", "/api/v1/pipeline", {})).toMatchObject({
    status: 403,
    body: { code: "FORBIDDEN" },
  });
  expect((await call("POST", "/api/v1/pipeline/plan", {})).status).toBe(403);
});

/** A pipeline that fails inside at whatever it is asked. */
function failingWith(error: Error): Orchestrator {
  const fail = (): never => {
    throw error;
  };
  return Object.create(orchestrator, { journal: { value: { health: fail } } }) as Orchestrator;
}

test("what goes wrong inside is reported, and not told to the caller", async () => {
  const reported: unknown[] = [];
  const error = new Error("the password is 123");
  const callBroken = callerOf(failingWith(error), { onError: (reason) => reported.push(reason) });
  const answer = await callBroken("GET", "/api/v1/inputs");
  expect(answer).toMatchObject({ status: 500, body: { code: "INTERNAL" } });
  expect(JSON.stringify(answer.body)).not.toContain("123");
  expect(reported).toEqual([error]);
});

test("what fails inside with a message of ours is told without secrets, and what a caller wrote as it is", async () => {
  const error = new SluiceError("JOURNAL_IO", "hunter2 has no space left");
  const callBroken = callerOf(failingWith(error), { redact: (text) => text.replaceAll("hunter2", "***") });
  const failed = await callBroken("GET", "/api/v1/inputs");
  expect(failed).toMatchObject({ status: 503, body: { detail: "*** has no space left" } });
  const guessed = await callBroken("GET", "/hunter2");
  expect(guessed).toMatchObject({ status: 404, body: { detail: expect.stringContaining("hunter2") } });
});
