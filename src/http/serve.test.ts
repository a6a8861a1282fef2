import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPipeline } from "../../test/support/api.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { serve, type ServeOptions, type Servers } from "./serve.ts";

let orchestrator: Orchestrator;
beforeAll(async () => {
  orchestrator = await startPipeline();
});
afterAll(() => orchestrator.stop({ grace: 0 }));

async function serving(options: ServeOptions, use: (servers: Servers) => Promise<void>): Promise<void> {
  const servers = await serve(orchestrator, options);
  try {
    await use(servers);
  } finally {
    await servers.close(0);
  }
}

const loopback = { host: "127.0.0.1", port: 0 };
const post = { method: "POST", body: "hi" };

test("hooks and the API share a listener, and hooks need no token", async () => {
  await serving({ http: { ...loopback, token: "t" } }, async ({ http, hooks }) => {
    expect(http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(hooks).toBe(http);
    expect((await fetch(`${http}/hooks/orders`, post)).status).toBe(200);
    expect((await fetch(`${http}/api/v1/runs`)).status).toBe(401);
    expect((await fetch(`${http}/healthz`)).status).toBe(200);
    const authorized = { headers: { authorization: "Bearer t" } };
    expect((await fetch(`${http}/api/v1/runs`, authorized)).status).toBe(200);
  });
});

test("hooks on a listener of their own are served there only, and the API is not", async () => {
  await serving({ http: loopback, hooks: loopback }, async ({ http, hooks }) => {
    expect(hooks).not.toBe(http);
    expect((await fetch(`${hooks}/hooks/orders`, post)).status).toBe(200);
    expect((await fetch(`${hooks}/api/v1/runs`)).status).toBe(404);
    expect((await fetch(`${http}/hooks/orders`, post)).status).toBe(404);
    expect((await fetch(`${http}/api/v1/runs`)).status).toBe(200);
  });
});

test("a run's id travels percent-encoded over a real connection", async () => {
  await serving({ http: loopback }, async ({ http }) => {
    const { uid } = await orchestrator.emit("orders", {});
    await orchestrator.settled(uid);
    const answer = await fetch(`${http}/api/v1/runs/${uid}%2Fland`);
    expect(await answer.json()).toMatchObject({ id: `${uid}/land` });
    expect((await fetch(`${http}/api/v1/runs/${uid}/land`)).status).toBe(404);
  });
});

test("a body without end is answered 413 and cut off, and one that breaks off is nobody's fault inside", async () => {
  const errors: unknown[] = [];
  await serving({ http: loopback, onError: (error) => errors.push(error) }, async ({ http }) => {
    const port = Number(new URL(http as string).port);
    const head = [
      "POST /api/v1/inputs/orders/events HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
      "",
      "",
    ].join("\r\n");

    const endless = connect(port, "127.0.0.1");
    endless.on("error", () => undefined);
    const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
    const closed = new Promise((resolve) => endless.once("close", resolve));
    endless.write(head);
    const pump = (): void => {
      while (endless.writable && endless.write(chunk));
    };
    endless.on("drain", pump);
    pump();
    const [answer] = (await once(endless, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /);
    await closed;

    const broken = connect(port, "127.0.0.1");
    await once(broken, "connect");
    broken.write(`${head}5\r\n{"a":`, () => broken.destroy());
    await once(broken, "close");
    expect((await fetch(`${http}/healthz`)).status).toBe(200);
  });
  expect(errors).toEqual([]);
});

test("a path that climbs is only a path that does not exist", async () => {
  await serving({ http: loopback }, async ({ http }) => {
    const port = Number(new URL(http as string).port);
    for (const path of [
      "/../../etc/passwd",
      "/api/v1/..%2f..%2fetc/passwd",
      "/api/v1/runs/../../../x",
      "/%2e%2e/x",
    ]) {
      const socket = connect(port, "127.0.0.1");
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 /);
    }
  });
});

test("a pipeline with neither listener is on no network", async () => {
  await serving({}, async ({ http, hooks }) => {
    expect([http, hooks]).toEqual([null, null]);
  });
});

test("off loopback the API needs a token, hooks do not", async () => {
  await expect(serve(orchestrator, { http: { host: "0.0.0.0", port: 0 } })).rejects.toMatchObject({
    code: "INSECURE_LISTENER",
  });
  await serving({ hooks: { host: "0.0.0.0", port: 0 } }, async ({ hooks }) => {
    expect(hooks).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  });
});

test("when the second listener cannot be had, the first is closed again", async () => {
  await serving({ http: loopback }, async ({ http }) => {
    const taken = { host: "127.0.0.1", port: Number(new URL(http as string).port) };
    await expect(serve(orchestrator, { http: loopback, hooks: taken })).rejects.toMatchObject({
      code: "LISTENER_FAILED",
    });
  });
});

test("closing waits for no live stream: each is ended", async () => {
  const servers = await serve(orchestrator, { http: loopback });
  const { body } = await fetch(`${servers.http}/api/v1/stream`);
  const reader = body?.getReader();
  const first = await reader?.read();
  expect(new TextDecoder().decode(first?.value)).toContain("event: hello");
  const started = performance.now();
  const read = (async () => {
    while ((await reader?.read())?.done === false);
  })();
  await servers.close(10_000);
  await read;
  expect(performance.now() - started).toBeLessThan(5_000);
});
