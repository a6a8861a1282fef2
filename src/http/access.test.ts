import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerOf, startPipeline, type CallApi } from "../../test/support/api.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { createAccess } from "./access.ts";
import { routes } from "./api.ts";

const TOKEN = "correct-horse";
const authorized = { authorization: `Bearer ${TOKEN}` };

let orchestrator: Orchestrator;
let call: CallApi;

beforeAll(async () => {
  orchestrator = await startPipeline();
  call = callerOf(orchestrator, { token: TOKEN });
});
afterAll(() => orchestrator.stop({ grace: 0 }));

test("a token of several words opens what it should", async () => {
  const ask = callerOf(orchestrator, { token: "correct horse battery" });
  const answerTo = async (token: string): Promise<number> =>
    (await ask("GET", "/api/v1/inputs", undefined, { authorization: `Bearer ${token}` })).status;
  expect(await answerTo("correct horse battery")).toBe(200);
  expect(await answerTo("correct")).toBe(401);
});

/** Every route, with something in the place of its parameters, and a body where one is needed. */
const everyRoute = routes.map(({ method, path, role }) => ({
  method,
  path: path
    .replace(":name", "orders")
    .replace(":version", "1")
    .replace(":uid", "0193c0de-0000-7000-8000-00000000000f")
    .replace(":id", "x%2Fy"),
  role,
  body: method === "GET" || method === "DELETE" ? undefined : {},
}));

describe.each(everyRoute)("$method $path", ({ method, path, role, body }) => {
  test.each([
    ["no token", {}],
    ["a wrong token", { authorization: "Bearer wrong" }],
    ["half of the token", { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ["more than the token", { authorization: `Bearer ${TOKEN}x` }],
    ["an empty token", { authorization: "Bearer " }],
    ["no scheme", { authorization: TOKEN }],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
  ])("with %s is refused unless it is open to anyone", async (_, headers) => {
    const answer = await call(method, path, body, headers);
    if (role === "anyone") {
      expect(answer.status).toBe(200);
      return;
    }
    expect(answer).toMatchObject({ status: 401, body: { code: "UNAUTHORIZED" } });
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  });

  test.each([
    "evil.example",
    "evil.example:8787",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "10.0.0.1",
    "",
    "[::2]",
  ])("for the host %j is refused, whatever the token", async (host) => {
    const answer = await call(method, path, body, { ...authorized, host });
    expect(answer).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
  });

  test.each(["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8787", "file://"])(
    "from a page of %s is refused, whatever the token",
    async (origin) => {
      const answer = await call(method, path, body, { ...authorized, host: "127.0.0.1:8787", origin });
      expect(answer).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
    },
  );

  test("with the token passes, from our own page too", async () => {
    const answer = await call(method, path, body, {
      ...authorized,
      host: "127.0.0.1:8787",
      origin: "http://127.0.0.1:8787",
    });
    expect(answer.status).not.toBe(401);
    if (role !== "admin") expect(answer.status).not.toBe(403);
  });

  test("is kept from caches and from being taken for anything else, even when it is refused", async () => {
    for (const headers of [authorized, {}, { host: "evil.example" }]) {
      const answer = await call(method, path, body, headers);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});

test("what does not exist is not told apart without a token", async () => {
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/api/v1/nothing"],
    ["DELETE", "/api/v1/runs"],
  ] as const) {
    expect((await call(method, path)).status).toBe(401);
  }
});

test("the scheme of the token is read in any case", async () => {
  expect((await call("GET", "/api/v1/inputs", undefined, { authorization: `bearer ${TOKEN}` })).status).toBe(
    200,
  );
});

test.each(["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.9.1:80", "[::1]:8787"])(
  "the loopback name %s is ours",
  async (host) => {
    expect((await call("GET", "/healthz", undefined, { host })).status).toBe(200);
  },
);

test("a request whose target names another host than its Host header is refused", () => {
  const { checkSite } = createAccess({});
  const request = new Request("http://evil.example/", { headers: { host: "localhost" } });
  expect(() => checkSite(request)).toThrow(expect.objectContaining({ code: "FORBIDDEN" }));
});

test("off loopback, its own names and any address are ours, but no other name", async () => {
  const anywhere = callerOf(orchestrator, { token: TOKEN, hosts: ["Sluice.Internal"], anyAddress: true });
  for (const host of ["sluice.internal:8787", "10.0.0.1:8787", "[fd00::1]", "localhost"]) {
    expect((await anywhere("GET", "/healthz", undefined, { host })).status).toBe(200);
  }
  expect((await anywhere("GET", "/healthz", undefined, { host: "evil.example" })).status).toBe(403);
});

test("the owner's socket asks for nothing", async () => {
  const owner = callerOf(orchestrator, { owner: true });
  expect((await owner("GET", "/api/v1/inputs", undefined, { host: "sluice" })).status).toBe(200);
});

test("an empty token is no token", () => {
  expect(() => createAccess({ token: "" })).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
});

describe("roles", () => {
  const TOKENS = { viewer: "look", operator: "steer", admin: "change" } as const;
  const tokens = { viewerToken: TOKENS.viewer, token: TOKENS.operator, adminToken: TOKENS.admin };

  test.each(everyRoute.filter(({ role }) => role !== "anyone"))(
    "$method $path is for $role and who may more",
    async ({ method, path, role, body }) => {
      const guarded = callerOf(orchestrator, tokens);
      const ranks = ["viewer", "operator", "admin"] as const;
      for (const [rank, name] of ranks.entries()) {
        const answer = await guarded(method, path, body, { authorization: `Bearer ${TOKENS[name]}` });
        expect(answer.status).not.toBe(401);
        if (rank < ranks.indexOf(role as "viewer")) expect(answer.status).toBe(403);
        else if (role !== "admin") expect(answer.status).not.toBe(403);
      }
    },
  );

  test("a token for viewers alone shuts everybody else out", async () => {
    const guarded = callerOf(orchestrator, { viewerToken: "look" });
    expect((await guarded("GET", "/api/v1/runs")).status).toBe(401);
    const looking = { authorization: "Bearer look" };
    expect((await guarded("GET", "/api/v1/runs", undefined, looking)).status).toBe(200);
  });
});
