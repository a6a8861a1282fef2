import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { cronInput } from "../../src/inputs/cron.ts";
import { webhookInput } from "../../src/inputs/webhook.ts";
import { commandProcess } from "../../src/processes/command.ts";
import { webhookProcess } from "../../src/processes/webhook.ts";
import type { Event } from "../../src/model/event.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function journalOf(kind: "memory" | "sqlite"): Promise<string> {
  if (kind === "memory") return "memory:";
  const directory = await mkdtemp(join(tmpdir(), "sluice-kinds-"));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  return `sqlite:${join(directory, "journal.db")}`;
}

function orchestrate(journal: string): Orchestrator {
  const orchestrator = new Orchestrator({ journal, grace: "1s" });
  cleanups.push(() => orchestrator.stop());
  return orchestrator;
}

function post(orchestrator: Orchestrator, name: string, body: string, headers: Record<string, string> = {}) {
  const hook = orchestrator.hooks().find((one) => one.name === name);
  if (hook === undefined) throw new Error(`no hook of ${name}`);
  const request = new Request(`http://127.0.0.1${hook.path}`, { method: "POST", body, headers });
  request.headers.set("content-type", "application/json");
  return hook.fetch(request);
}

async function answered(response: Promise<Response>): Promise<[number, Record<string, unknown>]> {
  const { status, ...rest } = await response.then(async (got) => ({
    status: got.status,
    body: (await got.json()) as Record<string, unknown>,
  }));
  return [status, rest.body];
}

async function receiver(status: number): Promise<{ url: string; calls: () => number }> {
  let calls = 0;
  const server = createServer((request, response) => {
    calls++;
    request.resume().on("end", () => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, calls: () => calls };
}

describe.each(["memory", "sqlite"] as const)("a webhook input over a journal in %s", (kind) => {
  test("answers duplicate for a uid that another input has taken, and for nothing else of it", async () => {
    const orchestrator = orchestrate(await journalOf(kind));
    for (const name of ["first", "second"]) {
      orchestrator.addInput(webhookInput({ name, path: `/${name}`, auth: "none" }));
    }
    await orchestrator.start();
    await orchestrator.ready();
    const uid = "0193c0de-0000-7000-8000-000000000001";
    const body = `{"location":"a","id":"1","uid":"${uid}"}`;
    expect(await answered(post(orchestrator, "first", body))).toEqual([202, { uid }]);
    expect(await answered(post(orchestrator, "second", body))).toEqual([200, { uid, duplicate: true }]);
    const key = { "idempotency-key": "a key" };
    for (const name of ["first", "second"])
      expect((await answered(post(orchestrator, name, "{}", key)))[0]).toBe(202);
  });

  test("takes one of many deliveries that come at once, and tells the others its uid", async () => {
    const orchestrator = orchestrate(await journalOf(kind));
    const seen: Event[] = [];
    orchestrator.addInput(webhookInput({ name: "hook", path: "/hook", auth: "none" }));
    orchestrator.addProcess({ name: "see", run: (event) => void seen.push(event) });
    orchestrator.addLink("hook", "see");
    await orchestrator.start();
    const headers = { "webhook-id": "delivery-1" };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => answered(post(orchestrator, "hook", `{"n":${n}}`, headers))),
    );
    await orchestrator.idle();
    const uid = seen[0]?.uid;
    expect(seen).toHaveLength(1);
    expect(answers.filter(([status]) => status === 202)).toEqual([[202, { uid }]]);
    expect(answers.filter(([status]) => status === 200)).toEqual(
      Array.from({ length: 19 }, () => [200, { uid, duplicate: true }]),
    );
  });

  test("keeps NUL, lone surrogates and __proto__ keys as they came, through to the process", async () => {
    const orchestrator = orchestrate(await journalOf(kind));
    const seen: Event[] = [];
    orchestrator.addInput(webhookInput({ name: "hook", path: "/hook", auth: "none" }));
    orchestrator.addProcess({ name: "see", run: (event) => void seen.push(event) });
    orchestrator.addLink("hook", "see");
    await orchestrator.start();
    const data = `{"__proto__":{"a":1},"s":"\\ud800x","n":"a\\u0000b"}`;
    await post(orchestrator, "hook", `{"location":"l\\u0000","id":"i\\u0000","data":${data}}`);
    await orchestrator.idle();
    expect(seen.map((event) => JSON.stringify([event.location, event.id, event.data]))).toEqual([
      `["l\\u0000","i\\u0000",${data}]`,
    ]);
  });

  test("refuses halves of characters in what names a record, which no text column would give back", async () => {
    const orchestrator = orchestrate(await journalOf(kind));
    orchestrator.addInput(webhookInput({ name: "hook", path: "/hook", auth: "none" }));
    await orchestrator.start();
    for (const field of ["location", "id", "key"]) {
      const event = { location: "a", id: "1", [field]: "x\ud800" };
      expect(await answered(post(orchestrator, "hook", JSON.stringify(event)))).toMatchObject([
        400,
        { code: "INVALID_EVENT" },
      ]);
    }
  });

  test("says what it filters, and is unavailable while it is paused", async () => {
    const orchestrator = orchestrate(await journalOf(kind));
    orchestrator.addInput(
      webhookInput({ name: "hook", path: "/hook", auth: "none", operations: ["create"] }),
    );
    await orchestrator.start();
    const send = (operation: string) =>
      answered(post(orchestrator, "hook", `{"location":"a","operation":"${operation}","id":"1"}`));
    expect(await send("delete")).toEqual([200, { filtered: true }]);
    expect((await send("insert"))[0]).toBe(202);
    await orchestrator.pause("hook");
    expect(await send("insert")).toMatchObject([503, { code: "NOT_RUNNING" }]);
    await orchestrator.resume("hook");
    await expect.poll(async () => (await send("insert"))[0]).toBe(202);
  });
});

test("a command's output stands in the log of its run", async () => {
  const orchestrator = orchestrate("memory:");
  orchestrator.addInput(webhookInput({ name: "hook", path: "/hook", auth: "none" }));
  orchestrator.addProcess(commandProcess({ name: "count", argv: ["wc", "-l"] }));
  orchestrator.addLink("hook", "count");
  await orchestrator.start();
  const [, { uid }] = await answered(post(orchestrator, "hook", `{"a":1}`));
  expect(await orchestrator.settled(String(uid))).toMatchObject([{ state: "succeeded", attempts: 1 }]);
  const { items } = await orchestrator.history.logs(`${String(uid)}/count`, {});
  expect(items).toMatchObject([{ stream: "stdout", text: "0", attempt: 1 }]);
});

test("a receiver that is gone makes the run dead and pauses the process", async () => {
  const orchestrator = orchestrate("memory:");
  const { url, calls } = await receiver(410);
  orchestrator.addInput(webhookInput({ name: "hook", path: "/hook", auth: "none" }));
  orchestrator.addProcess(webhookProcess({ name: "notify", url, allowPrivate: true }));
  orchestrator.addLink("hook", "notify");
  await orchestrator.start();
  const [, { uid }] = await answered(post(orchestrator, "hook", "{}"));
  expect(await orchestrator.settled(String(uid))).toMatchObject([
    { state: "dead", error: { code: "HTTP_STATUS" } },
  ]);
  await expect
    .poll(async () => (await orchestrator.processes()).find(({ name }) => name === "notify")?.state)
    .toBe("paused");
  expect(calls()).toBe(1);
});

test("a call back to ourselves ends: the same event is a duplicate", async () => {
  const orchestrator = orchestrate("memory:");
  let calls = 0;
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      calls++;
      const again = post(orchestrator, "hook", body, request.headers as Record<string, string>);
      void again.then(({ status }) => response.writeHead(status).end());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  orchestrator.addInput(webhookInput({ name: "hook", path: "/hook", auth: "none" }));
  orchestrator.addProcess(webhookProcess({ name: "notify", url, allowPrivate: true }));
  orchestrator.addLink("hook", "notify");
  await orchestrator.start();
  const [, { uid }] = await answered(post(orchestrator, "hook", "{}"));
  expect(await orchestrator.settled(String(uid))).toMatchObject([{ state: "succeeded" }]);
  await orchestrator.idle();
  expect(calls).toBe(1);
});

test("a cron input goes on over a restart where it was, each moment once", async () => {
  const journal = await journalOf("sqlite");
  const ids: string[] = [];
  async function runFor(events: number): Promise<void> {
    const orchestrator = orchestrate(journal);
    const before = ids.length;
    orchestrator.addInput(cronInput({ name: "tick", schedule: "* * * * * *", catchUp: "all" }));
    orchestrator.addProcess(
      { name: "see", run: ({ id }) => void ids.push(id) },
      { order: "none", concurrency: 1 },
    );
    orchestrator.addLink("tick", "see");
    await orchestrator.start();
    await expect.poll(() => ids.length - before, { timeout: 10_000 }).toBeGreaterThanOrEqual(events);
    await orchestrator.stop();
  }
  await runFor(1);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await runFor(2);
  const seconds = ids.map((id) => Date.parse(id) / 1_000);
  expect(seconds).toEqual(Array.from(seconds, (_, index) => (seconds[0] ?? 0) + index));
});
