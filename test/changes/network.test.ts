import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient, type PipelineClient } from "../../src/client/index.ts";
import { createApi } from "../../src/http/api.ts";
import { callerOf, type Answer, type CallApi } from "../support/api.ts";
import { openShop, type Shop } from "./shop.ts";

const ENVIRONMENT = { ADMIN: "adm1n", OPERATOR: "0perator", TAG: "s3cret-tag" };
const COMPONENTS = `[[input]]
name = "orders"
type = "feed"
[[process]]
name = "land"
type = "work"
tag = "\${env:TAG}"
on = "orders"
[[process]]
name = "code"
type = "function"
module = "./code.ts"
on = "orders"
`;
const textOf = (top: string): string => `name = "shop"
journal = "memory:"
${top}
[http]
admin_token = "\${env:ADMIN}"
token = "\${env:OPERATOR}"
changes = true
${COMPONENTS}`;

const TOKENS = { adminToken: ENVIRONMENT.ADMIN, token: ENVIRONMENT.OPERATOR };
const authorization = `Bearer ${ENVIRONMENT.ADMIN}`;

async function openManaged(top: string): Promise<Shop> {
  const place = await import("./shop.ts").then(({ openPlace }) => openPlace());
  await place.write("code.ts", "export default () => {};");
  const shop = await openShop(textOf(top), { folder: place.folder, environment: ENVIRONMENT });
  return {
    ...shop,
    [Symbol.asyncDispose]: async () => {
      await shop[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

let shop: Shop;
let ask: CallApi;
let client: PipelineClient;
beforeAll(async () => {
  shop = await openManaged('managed_by = "api"');
  const options = { ...TOKENS, changes: shop.changes, allowsChanges: true };
  const call = callerOf(shop.orchestrator, options);
  ask = (method, path, body, headers = {}) =>
    call(method, `/api/v1/${path}`, body, { authorization, ...headers });
  const api = createApi(shop.orchestrator, options);
  client = createClient({
    url: "http://127.0.0.1:8787",
    token: ENVIRONMENT.ADMIN,
    fetch: async (request) => api.fetch(request),
  });
});
afterAll(() => shop[Symbol.asyncDispose]());

const process = (name: string): Promise<Answer> =>
  ask("PUT", `processes/${name}`, { type: "work", on: "orders" });

describe("an admin, through the network", () => {
  test("adds, changes and removes components and links, each with its version", async () => {
    const { body: before } = await ask("GET", "pipeline");
    expect(before).toMatchObject({ managedBy: "api", mayChange: true, role: "admin" });
    const added = await process("extra");
    expect(added).toMatchObject({ status: 200, body: { version: before.version + 1, changed: true } });
    expect(added.headers.get("etag")).toBe(`"${before.version + 1}"`);
    const input = await ask("PUT", "inputs/second", { type: "feed", name: "second" });
    expect(input.body.plan.changes).toMatchObject([{ action: "add", role: "input", name: "second" }]);
    expect((await ask("POST", "links", { from: "second", to: "extra", when: "true" })).status).toBe(200);
    const { body: graph } = await ask("GET", "graph");
    expect(graph.edges).toContainEqual({ from: "second", to: "extra", kind: "link", when: "true" });
    expect((await ask("DELETE", "links?from=second&to=extra")).status).toBe(200);
    expect((await ask("DELETE", "processes/extra?open=drain")).status).toBe(200);
    expect((await ask("DELETE", "inputs/second")).status).toBe(200);
    const { body: after } = await ask("GET", "pipeline");
    expect(after.version).toBe(before.version + 6);
    expect(after.config.process).toEqual(before.config.process);
    const { body: versions } = await ask("GET", "pipeline/versions");
    expect(versions.items[0]).toMatchObject({ by: "admin token", how: "remove input second", current: true });
  });

  test("applies a whole text or table, if it is made for what runs", async () => {
    const { version } = shop.changes;
    const config = { ...(await shop.changes.versionOf(1)).source };
    const source = String(config.text).replace('type = "feed"', 'type = "feed"\nexpect_every = "1h"');
    const plan = await ask("POST", "pipeline/plan", { source });
    expect(plan.body).toMatchObject({
      version,
      changes: [{ name: "orders", restarts: true }],
      localOnly: [],
    });
    const stale = await ask("PUT", "pipeline", { source }, { "if-match": `"${version - 1}"` });
    expect(stale).toMatchObject({ status: 412, body: { code: "VERSION_CONFLICT" } });
    const applied = await ask("PUT", "pipeline", { source }, { "if-match": `"${version}"` });
    expect(applied).toMatchObject({ status: 200, body: { version: version + 1 } });
    expect((await ask("PUT", "pipeline", { rollback: null })).body.version).toBe(version + 2);
  });

  test.each([
    ["a component that runs code", "PUT", "processes/evil", { type: "function", module: "./code.ts" }],
    ["another module", "PUT", "processes/code", { type: "function", module: "./shop.ts", on: "orders" }],
    ["a reference", "PUT", "processes/evil", { type: "work", tag: "${env:ADMIN}" }],
    ["a file's content", "PUT", "processes/evil", { type: "work", tag: "${file:/etc/hostname}" }],
    [
      "another option beside a reference",
      "PUT",
      "processes/land",
      { type: "work", tag: "${env:TAG}", turns: 2, on: "orders" },
    ],
    [
      "a table with code",
      "PUT",
      "pipeline",
      { config: { process: [{ name: "evil", type: "function", module: "./code.ts" }] } },
    ],
  ])("brings in no %s", async (_, method, path, body) => {
    await shop.write("shop.ts", "export default () => {};");
    const before = shop.changes.version;
    const answer = await ask(method, path, body);
    expect(answer).toMatchObject({ status: 403, body: { code: "LOCAL_ONLY" } });
    expect(JSON.stringify(answer.body)).not.toContain("adm1n");
    expect(shop.changes.version).toBe(before);
    // Through the owner's socket it may.
    const asOwner = callerOf(shop.orchestrator, { owner: true, changes: shop.changes });
    expect(
      (
        await asOwner(method, `/api/v1/${path}`, {
          ...body,
          ...(method === "PUT" && path === "pipeline" && { open: "cancel" }),
        })
      ).status,
    ).toBe(200);
    expect((await asOwner("PUT", "/api/v1/pipeline", { rollback: null, open: "cancel" })).status).toBe(200);
  });

  test.each([
    ["no valid pipeline", "PUT", "processes/land", { type: "work", tog: "x" }, "UNKNOWN_KEY"],
    ["a cycle", "POST", "links", { from: "land", to: "land" }, "SELF_LINK"],
    ["a link twice", "POST", "links", { from: "orders", to: "land" }, "DUPLICATE_LINK"],
    ["a process that cannot be opened", "PUT", "processes/new", { type: "work", broken: true }, "RUN_FAILED"],
    ["another pipeline", "PUT", "pipeline", { config: { name: "shoe" } }, "INVALID_OPTIONS"],
    ["what is no TOML", "PUT", "pipeline", { source: "name = shop" }, "CONFIG_SYNTAX"],
    ["an input in the place of a process", "PUT", "inputs/land", { type: "feed" }, "DUPLICATE_NAME"],
  ])("is told 422 for %s", async (_, method, path, body, code) => {
    const graph = shop.orchestrator.graph();
    const answer = await ask(method, path, body);
    expect(answer).toMatchObject({
      status: 422,
      body: { code, status: 422, title: "Unprocessable Content" },
    });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(shop.orchestrator.graph()).toEqual(graph);
  });

  test.each([
    ["a variable", "${env:ADMIN}", "a link has a reference"],
    ["a file", "${file:./secret}", "a link has a reference"],
    ["a variable that is not set", "${env:NOWHERE}", "a link has a reference"],
  ])(
    "reads %s by no plan either: nothing is resolved, nor opened, before it is refused",
    async (_, to, why) => {
      await shop.write("secret", "f1le");
      const link = { from: "orders", to: "land", when: `data.a == '${to}'` };
      const config = { input: [{ name: "orders", type: "feed" }], process: [{ name: "land", type: "work" }] };
      const answer = await ask("POST", "pipeline/plan", { config: { ...config, link: [link] } });
      expect(answer).toMatchObject({ status: 403, body: { code: "LOCAL_ONLY" } });
      expect(answer.body.detail).toContain(why);
      expect(JSON.stringify(answer.body)).not.toMatch(/adm1n|f1le|not set/);
    },
  );

  test("has no module looked at by a plan", async () => {
    const config = { process: [{ name: "evil", type: "function", module: "./nowhere.ts" }] };
    const answer = await ask("POST", "pipeline/plan", { config });
    expect(answer).toMatchObject({ status: 403, body: { code: "LOCAL_ONLY" } });
    expect(answer.body.detail).toContain('process "evil" is of type "function", which runs code');
  });

  test("is told where in a text something is wrong", async () => {
    const source = textOf("").replace('type = "feed"', 'type = "fed"');
    const { body } = await ask("POST", "pipeline/plan", { source });
    expect(body.issues).toMatchObject([{ line: 10, column: 8, code: "UNKNOWN_TYPE" }]);
  });

  test.each([
    ["PUT", "pipeline", {}],
    ["PUT", "pipeline", { source: "", rollback: 1 }],
    ["PUT", "pipeline", { source: 7 }],
    ["PUT", "pipeline", { source: "", format: "xml" }],
    ["PUT", "pipeline", { source: "", open: "kill" }],
    ["PUT", "pipeline", { source: "", file: "/etc/passwd" }],
    ["PUT", "pipeline", { source: "", surprise: true }],
    ["PUT", "pipeline", { rollback: "1" }],
    ["PUT", "processes/land", { name: "other", type: "work" }],
    ["DELETE", "processes/land?open=perhaps", undefined],
    ["DELETE", "links?from=orders", undefined],
    ["DELETE", "inputs/orders?open=drain", undefined],
  ])("is told 400 for %s %s %j", async (method, path, body) => {
    expect((await ask(method, path, body)).status).toBe(400);
  });

  test.each([
    ["DELETE", "processes/nowhere", undefined],
    ["DELETE", "links?from=land&to=code", undefined],
    ["GET", "pipeline/versions/9999", undefined],
    ["GET", "pipeline/versions/one", undefined],
    ["PUT", "pipeline", { rollback: 9999 }],
  ])("is told 404 for %s %s", async (method, path, body) => {
    expect((await ask(method, path, body)).status).toBe(404);
  });

  test("an If-Match that is no version is 400", async () => {
    expect((await ask("DELETE", "inputs/orders", undefined, { "if-match": "7" })).status).toBe(400);
  });

  test("has a call of the client for each of these", async () => {
    const { version } = await client.pipeline();
    const added = await client.put("process", "typed", { type: "work" }, { ifVersion: version as number });
    await client.addLink({ from: "orders", to: "typed", operations: ["create"] });
    await client.removeLink("orders", "typed");
    await client.remove("process", "typed", { open: "cancel" });
    expect((await client.plan({ rollback: added.version })).changes).toMatchObject([{ name: "typed" }]);
    const { items } = await client.versions();
    expect(await client.version(items[0]?.version as number)).toMatchObject({ source: { format: "json" } });
    const stale = client.apply({ rollback: added.version }, { ifVersion: added.version });
    await expect(stale).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
  });
});

describe("who is no admin", () => {
  test("reads versions, but no text, and changes nothing", async () => {
    const operator = { authorization: `Bearer ${ENVIRONMENT.OPERATOR}` };
    expect((await ask("GET", "pipeline/versions", undefined, operator)).status).toBe(200);
    expect((await ask("GET", "pipeline/versions/1", undefined, operator)).body).toMatchObject({
      source: null,
      config: { name: "shop", process: [{ tag: "***" }, {}] },
    });
    expect((await ask("GET", "pipeline/versions/1")).body.source.text).toContain("${env:TAG}");
    expect((await ask("GET", "pipeline", undefined, operator)).body.mayChange).toBe(false);
  });
});

describe("a pipeline that is its file's", () => {
  test.each([
    ['managed_by = "file"', true, 'needs managed_by = "api"'],
    ['managed_by = "api"', false, "needs changes = true"],
  ])("%s, changes %j: is planned, but not changed", async (top, allowsChanges, why) => {
    await using other = await openManaged(top);
    const call = callerOf(other.orchestrator, { ...TOKENS, changes: other.changes, allowsChanges });
    const by = { authorization };
    const planned = await call("POST", "/api/v1/pipeline/plan", { rollback: 1 }, by);
    expect(planned).toMatchObject({ status: 200, body: { changes: [] } });
    const refused = await call("PUT", "/api/v1/pipeline", { rollback: 1 }, by);
    expect(refused).toMatchObject({
      status: 403,
      body: { code: "FORBIDDEN", detail: expect.stringContaining(why) },
    });
    const { body } = await call("GET", "/api/v1/pipeline", undefined, by);
    expect(body.mayChange).toBe(false);
  });
});
