import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Orchestrator } from "../engine/orchestrator.ts";
import { journalFrom } from "../journal/open.ts";
import { createApi, type Api } from "./api.ts";
import { openPage, type Page } from "./page.ts";

let folder: string;
let api: Api;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-page-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(folder, "assets/index-1a2b.js"), "console.log(1)");
  writeFileSync(join(folder, "secret.pem"), "not of a type that pages have");
  const page = openPage(folder) as Page;
  api = createApi(new Orchestrator({ journal: journalFrom("memory:") }), { page, token: "t" });
});
afterAll(() => rmSync(folder, { recursive: true }));

function get(path: string, init: RequestInit = {}): Promise<Response> {
  return Promise.resolve(api.fetch(new Request(`http://127.0.0.1${path}`, init)));
}

test("the index is served at the root without a token, and asked for anew each time", async () => {
  const answer = await get("/");
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain("<title>page</title>");
  expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(answer.headers.get("cache-control")).toBe("no-cache");
});

test("assets carry a hash in their name, and are kept for ever", async () => {
  const answer = await get("/assets/index-1a2b.js");
  expect(answer.headers.get("cache-control")).toContain("immutable");
  expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect(await answer.text()).toBe("console.log(1)");
});

test("nothing inline is allowed, no frame, and no other site", async () => {
  const policy = (await get("/")).headers.get("content-security-policy") ?? "";
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("style-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
  expect((await get("/")).headers.get("x-content-type-options")).toBe("nosniff");
});

test("HEAD tells the length and sends nothing; nothing else is for files", async () => {
  const head = await get("/", { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe("34");
  expect(await head.text()).toBe("");
  expect((await get("/", { method: "POST" })).status).toBe(401);
});

describe("only files of the page are answered", () => {
  test.each([
    "/secret.pem",
    "/assets/../secret.pem",
    "/assets/..%2fsecret.pem",
    "/..%2f..%2fetc/passwd",
    "/assets/",
    "/assets/other.js",
    "/index.html%00",
    "//index.html",
  ])("%s is not", async (path) => {
    expect((await get(path)).status).toBe(401);
  });
});

test("a foreign host gets no page either", async () => {
  expect((await get("/", { headers: { host: "evil.example" } })).status).toBe(403);
});

test("a folder that was not built is no page", () => {
  expect(openPage(join(folder, "none"))).toBeUndefined();
});
