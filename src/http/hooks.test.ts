import { describe, expect, test } from "vitest";
import { SluiceError } from "../model/errors.ts";
import { hooksHandler } from "./hooks.ts";

const hooks = [
  {
    name: "orders",
    path: "/hooks/orders",
    fetch: async (request: Request) => new Response(await request.text()),
  },
  { name: "spaced", path: "/größe und", fetch: async () => new Response("spaced") },
  {
    name: "full",
    path: "/full",
    fetch: async () => {
      throw new SluiceError("JOURNAL_FULL", "no space for hunter2");
    },
  },
  {
    name: "broken",
    path: "/broken",
    fetch: async () => {
      throw new TypeError("secret");
    },
  },
  ...["/", "/api", "/api/v1/runs", "/metrics", "/metrics/x", "/healthz", "/readyz"].map((path) => ({
    name: path,
    path,
    fetch: async () => new Response("stolen"),
  })),
];
const handler = hooksHandler({ hooks: () => hooks }, { redact: (text) => text.replaceAll("hunter2", "***") });

function post(path: string, body = "{}"): Promise<Response> {
  return Promise.resolve(handler(new Request(`http://anything.example${path}`, { method: "POST", body })));
}

describe("hooks", () => {
  test("a hook answers at its own path, whatever the host and query", async () => {
    expect(await (await post("/hooks/orders?a=/b#c", "hello")).text()).toBe("hello");
    expect(await (await post("/größe und")).text()).toBe("spaced");
  });

  test.each([
    "/",
    "/hooks",
    "/hooks/orders/",
    "/hooks/ordersx",
    "/HOOKS/orders",
    "/hooks/orders%",
    "/hooks/orders%00",
    "/hooks/orders%2F",
  ])("nothing is at %s", async (path) => {
    const answer = await post(path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: "NOT_FOUND" });
  });

  test.each(["/", "/api", "/api/v1/runs", "/metrics", "/metrics/x", "/healthz", "/readyz"])(
    "a hook cannot take the place of the API at %s",
    async (path) => {
      expect((await post(path)).status).toBe(404);
    },
  );

  test("what a hook throws is answered as a problem that tells no secret", async () => {
    const full = await post("/full");
    expect(full.status).toBe(503);
    expect(await full.json()).toMatchObject({ code: "JOURNAL_FULL", detail: "no space for ***" });
    const broken = await post("/broken");
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain("secret");
  });

  test("every other path goes to the handler that stands behind", async () => {
    const both = hooksHandler({ hooks: () => hooks }, { otherwise: () => new Response("api") });
    expect(await (await both(new Request("http://localhost/api/v1/runs"))).text()).toBe("api");
    expect(await (await both(new Request("http://localhost/nothing"))).text()).toBe("api");
  });
});
