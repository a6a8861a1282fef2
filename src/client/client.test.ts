import { afterAll, beforeAll, expect, test } from "vitest";
import { startPipeline } from "../../test/support/api.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { serve, type Servers } from "../http/serve.ts";
import { createClient, type PipelineClient } from "./index.ts";

let orchestrator: Orchestrator;
let servers: Servers;
let client: PipelineClient;
beforeAll(async () => {
  orchestrator = await startPipeline();
  const http = { host: "127.0.0.1", port: 0, token: "steer", adminToken: "change" };
  servers = await serve(orchestrator, { http });
  client = createClient({ url: `${servers.http}/`, token: "change" });
});
afterAll(async () => {
  await servers.close(0);
  await orchestrator.stop({ grace: 0 });
});

test("an event goes in, and its run, attempts, journey and dead letter come out", async () => {
  const { uid = "" } = await client.emit("orders", { id: "7", data: { fail: "no 7", log: "a line" } });
  await orchestrator.settled(uid);
  const id = `${uid}/land`;
  expect(await client.run(id)).toMatchObject({ id, state: "dead" });
  expect((await client.runs({ state: "dead", text: "NO 7", limit: 1 })).items).toMatchObject([{ id }]);
  expect((await client.attempts(id)).items).toHaveLength(1);
  expect((await client.logs(id)).items).toMatchObject([{ text: "a line" }]);
  expect(await client.event(uid)).toMatchObject({ event: { id: "7" }, runs: [{ id }], caused: [] });
  const [group] = (await client.deadLetters()).items;
  const fingerprint = group?.fingerprint ?? "";
  expect(await client.replayAll({ fingerprint }, { dryRun: true })).toEqual({ matched: 1, replayed: 0 });
  expect(await client.replay(id, { data: {} })).toMatchObject({ ok: true, run: `${id}~1` });
  await orchestrator.settled(uid);
  expect(await client.emit("orders", { uid })).toEqual({ uid, duplicate: true });
  expect(await client.forget(`${(await client.event(uid)).event.location}/7`)).toEqual({
    events: 1,
    open: 0,
  });
});

test("components are seen and steered", async () => {
  expect(await client.pipeline()).toMatchObject({ name: "shop", state: "running" });
  expect((await client.graph()).edges).toHaveLength(1);
  expect(await client.pause("process", "land")).toMatchObject({ state: "paused" });
  expect(await client.resume("process", "land")).toMatchObject({ state: "running" });
  expect(await client.restart("orders")).toMatchObject({ name: "orders" });
  expect((await client.inputs()).items).toHaveLength(1);
  expect((await client.processes()).items).toHaveLength(1);
});

test("the stream tells what happens, is typed by its event, and ends with the signal", async () => {
  const ending = new AbortController();
  const seen: string[] = [];
  for await (const message of client.stream({ signal: ending.signal })) {
    seen.push(message.event);
    if (message.event === "hello") await client.emit("orders", {});
    if (message.event === "stats") {
      expect(message.data.components["orders"]).toMatchObject({ accepted: 1 });
      ending.abort();
    }
  }
  expect(seen).toEqual(expect.arrayContaining(["hello", "stats"]));
});

test("errors carry the code that the API answered, and NETWORK if nobody did", async () => {
  await expect(client.run("x/y")).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  const viewer = createClient({ url: servers.http ?? "", token: "wrong" });
  await expect(viewer.runs()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  const operator = createClient({ url: servers.http ?? "", token: "steer" });
  await expect(operator.forget("a/b")).rejects.toMatchObject({ code: "FORBIDDEN" });
  await expect(createClient({ url: "http://127.0.0.1:1" }).runs()).rejects.toMatchObject({ code: "NETWORK" });
  const other = createClient({ url: "http://x", fetch: async () => new Response("<html>", { status: 502 }) });
  await expect(other.runs()).rejects.toMatchObject({ code: "NETWORK" });
});
