import { once } from "node:events";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Page } from "../../src/journal/history.ts";
import type { RunRow } from "../../src/model/run.ts";
import { PIPELINE, until, workspace, type Workspace } from "../support/cli.ts";

let shop: Workspace;
afterEach(() => shop.remove());

test("run says that it is ready, and where its API is", async () => {
  shop = workspace(`${PIPELINE}[http]\nlisten = "127.0.0.1:0"\n`);
  const running = await shop.run();
  expect(running.ready).toEqual({ ready: true, http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
  expect((await fetch(`${String(running.ready["http"])}/readyz`)).status).toBe(200);
  const { code, stdout, stderr } = await running.stop();
  expect(code).toBe(0);
  expect(stdout.split("\n")).toHaveLength(2);
  for (const line of stderr.trimEnd().split("\n")) {
    expect(JSON.parse(line)).toMatchObject({
      level: expect.any(String),
      time: expect.any(String),
      msg: expect.any(String),
    });
  }
});

test.each([
  ["does not parse", "const a = 1;\nexport default function ( {", "land.ts:2)"],
  ["exports no function", "export const land = 1;", "has no default export; it exports land"],
])("a module that %s keeps the pipeline from starting", async (_, content, reason) => {
  shop = workspace(PIPELINE);
  shop.write("package.json", '{"type":"module"}');
  shop.write("land.ts", content);
  const { code, stderr } = await shop.sluice(["run"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: MODULE_NOT_FOUND process "land": /);
  expect(stderr).toContain(reason);
  expect(existsSync(join(shop.folder, ".sluice/journal.db"))).toBe(false);
});

test("a pipeline without HTTP has an owner's socket for its owner only", async () => {
  shop = workspace(PIPELINE);
  const running = await shop.run();
  expect(running.ready).toEqual({ ready: true, http: null });
  expect(statSync(join(shop.folder, ".sluice/journal.db.sock")).mode & 0o777).toBe(0o600);
  expect(await shop.json(["status"])).toMatchObject({ pipeline: { state: "running" } });
});

test("a journal whose path is too long for a socket beside it can be steered too", async () => {
  const deep = `${"d".repeat(60)}/${"e".repeat(60)}`;
  shop = workspace(`journal = "sqlite:${deep}/journal.db"\n${PIPELINE}`);
  mkdirSync(join(shop.folder, deep), { recursive: true });
  await shop.run();
  expect(await shop.json(["status"])).toMatchObject({ pipeline: { state: "running" } });
});

test.each(["SIGTERM", "SIGINT"] as const)("%s is a clean stop", async (signal) => {
  shop = workspace(PIPELINE);
  const running = await shop.run();
  expect(await running.stop(signal)).toMatchObject({ code: 0 });
  expect(existsSync(join(shop.folder, ".sluice/journal.db.sock"))).toBe(false);
});

test("a stop gives what runs its grace time, then hands it back", async () => {
  shop = workspace(PIPELINE.replace('grace = "2s"', 'grace = "50ms"'));
  const running = await shop.run();
  const { uid } = await shop.api<{ uid: string }>("POST", "inputs/orders/events", { data: { wait: true } });
  await isRunning();
  expect(await running.stop()).toMatchObject({ code: 0 });
  expect(await shop.json(["runs"])).toMatchObject({
    items: [{ id: `${uid}/land`, state: "queued", attempts: 0 }],
  });
});

test("a process that hears no signal holds up a stop for the grace time and no longer", async () => {
  shop = workspace(PIPELINE.replace('grace = "2s"', 'grace = "50ms"'));
  shop.write("land.ts", "export default () => new Promise((resolve) => setTimeout(resolve, 60_000));");
  const running = await shop.run();
  await shop.api("POST", "inputs/orders/events", {});
  await isRunning();
  expect(await running.stop()).toMatchObject({ code: 0 });
});

test("a second signal ends it at once", async () => {
  shop = workspace(PIPELINE.replace('grace = "2s"', 'grace = "60s"'));
  shop.write("land.ts", "export default () => new Promise((resolve) => setTimeout(resolve, 60_000));");
  const running = await shop.run();
  await shop.api("POST", "inputs/orders/events", {});
  await isRunning();
  running.child.kill("SIGTERM");
  await until(async () => !existsSync(socketOf(shop)));
  expect(running.child.exitCode).toBeNull();
  expect(await running.stop("SIGTERM")).toMatchObject({ code: 143 });
});

async function isRunning(): Promise<void> {
  await until(async () => {
    const { items } = await shop.api<Page<RunRow>>("GET", "runs?state=running");
    return items.length === 1;
  });
}

function socketOf({ folder }: Workspace): string {
  return join(folder, ".sluice/journal.db.sock");
}

test("a promise that a component forgot ends neither the pipeline nor its run", async () => {
  shop = workspace(PIPELINE);
  shop.write("land.ts", 'export default () => void Promise.reject(new Error("forgotten"));');
  const running = await shop.run();
  await shop.api("POST", "inputs/orders/events", {});
  await until(async () => {
    const { items } = await shop.api<Page<RunRow>>("GET", "runs?state=succeeded");
    return items.length === 1;
  });
  const { code, stderr } = await running.stop();
  expect(code).toBe(0);
  expect(stderr).toContain("forgotten");
});

test("a port in use is a failure, and nothing has been started", async () => {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as { port: number };
  shop = workspace(`${PIPELINE}[http]\nlisten = "127.0.0.1:${port}"\n`);
  const { code, stdout, stderr } = await shop.sluice(["run", "--json"]);
  server.close();
  expect(stderr).toMatch(new RegExp(`^error: LISTENER_FAILED 127\\.0\\.0\\.1:${port} is in use`, "m"));
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(existsSync(join(shop.folder, ".sluice/journal.db"))).toBe(false);
});

test("a journal that another process owns is a failure, and its owner is not disturbed", async () => {
  shop = workspace(PIPELINE);
  await shop.run();
  const { code, stderr } = await shop.sluice(["run"]);
  expect(stderr).toMatch(/^error: JOURNAL_OWNED /m);
  expect(code).toBe(1);
  expect(await shop.json(["status"])).toMatchObject({ pipeline: { state: "running" } });
});

test("a second run on the same port says that the pipeline runs already, and not only that the port is in use", async () => {
  shop = workspace(`${PIPELINE}[http]\nlisten = "127.0.0.1:0"\n`);
  const { ready } = await shop.run();
  const { host } = new URL(String(ready["http"]));
  shop.write("sluice.toml", `${PIPELINE}[http]\nlisten = "${host}"\n`);
  const { code, stderr } = await shop.sluice(["run"]);
  expect(stderr).toMatch(/^error: JOURNAL_OWNED .* runs already/m);
  expect(code).toBe(1);
});

test("a damaged journal is a failure", async () => {
  shop = workspace(PIPELINE);
  mkdirSync(join(shop.folder, ".sluice"));
  writeFileSync(join(shop.folder, ".sluice/journal.db"), "no journal".repeat(1_000));
  const { code, stderr } = await shop.sluice(["run"]);
  expect(stderr).toMatch(/^error: JOURNAL_DAMAGED /m);
  expect(code).toBe(1);
});

test("hooks are served on the listener of their own", async () => {
  shop = workspace(`${PIPELINE}
[hooks]
listen = "127.0.0.1:0"

[[input]]
name = "shop_hook"
type = "webhook"
path = "/hooks/shop"
auth = "none"
`);
  const { ready } = await shop.run();
  expect(ready).toEqual({
    ready: true,
    http: null,
    hooks: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
  });
  const headers = { "content-type": "application/json" };
  const delivery = { method: "POST", headers, body: '{"location":"raw.orders","id":"1"}' };
  const answer = await fetch(`${String(ready["hooks"])}/hooks/shop`, delivery);
  expect(answer.status).toBe(202);
  const { uid } = (await answer.json()) as { uid: string };
  expect(await shop.json(["show", uid])).toMatchObject({
    event: { trigger: "shop_hook", location: "raw.orders" },
  });
});
