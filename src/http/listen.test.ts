import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { listen, type Listener, type ListenTimeouts } from "./listen.ts";
import type { FetchHandler } from "./api.ts";

const open: Listener[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close(0)));
});

async function serving(fetch: FetchHandler, timeouts?: ListenTimeouts): Promise<Listener & { port: number }> {
  const listener = await listen(fetch, { host: "127.0.0.1", port: 0 }, timeouts);
  open.push(listener);
  return Object.assign(listener, { port: Number(new URL(listener.url).port) });
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Sends raw bytes and answers everything that came back until the server closed the connection. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = await dial(port);
  socket.write(bytes);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const echo: FetchHandler = async (request) => new Response(await request.text());
const fast = { headers: 50, request: 100 };

test("a sender whose headers or body do not arrive in time is answered 408", async () => {
  const { port } = await serving(echo, fast);
  const answers = await Promise.all([
    exchange(port, ""),
    exchange(port, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow:"),
    exchange(port, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"),
    exchange(port, "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"),
  ]);
  for (const answer of answers) {
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(answer).toContain('"code":"REQUEST_TIMEOUT"');
  }
});

test("headers that are too large, or no HTTP at all, are answered with a problem", async () => {
  const { port } = await serving(echo);
  const large = await exchange(port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`);
  expect(large).toMatch(/^HTTP\/1\.1 431 /);
  for (const bytes of ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c: \0\r\n\r\n"]) {
    expect(await exchange(port, bytes)).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json/s);
  }
});

test("a request that carries two lengths is not let through", async () => {
  const { port } = await serving(echo);
  const smuggled =
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET";
  expect(await exchange(port, smuggled)).toMatch(/^HTTP\/1\.1 400 /);
});

test("a handler that throws is answered 500", async () => {
  const { url } = await serving(() => {
    throw new Error("secret");
  });
  const answer = await fetch(url);
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("secret");
});

test("a port in use is an error that says so", async () => {
  const { port } = await serving(echo);
  await expect(listen(echo, { host: "127.0.0.1", port })).rejects.toMatchObject({
    code: "LISTENER_FAILED",
    message: expect.stringMatching(`127.0.0.1:${port} is in use`),
  });
});

test("an address of another machine, or none at all, is an error", async () => {
  await expect(listen(echo, { host: "192.0.2.1", port: 0 })).rejects.toMatchObject({
    code: "LISTENER_FAILED",
  });
  await expect(listen(echo, { host: "nowhere.invalid", port: 0 })).rejects.toMatchObject({
    code: "LISTENER_FAILED",
  });
});

test("closing waits for the request under way, and for no idle connection", async () => {
  const started = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const listener = await serving(async () => {
    started.resolve();
    await finish.promise;
    return new Response("done");
  });
  const silent = await dial(listener.port);
  const silentClosed = once(silent, "close");
  const answer = fetch(listener.url);
  await started.promise;

  const closed = listener.close(60_000);
  await silentClosed;
  await expect(fetch(listener.url)).rejects.toThrow("fetch failed");
  finish.resolve();
  expect(await (await answer).text()).toBe("done");
  await closed;
});

test("closing cuts off what is not finished within the grace time", async () => {
  const started = Promise.withResolvers<void>();
  const listener = await serving(() => {
    started.resolve();
    return new Promise<Response>(() => undefined);
  });
  const answer = fetch(listener.url).then(
    () => "answered",
    () => "cut off",
  );
  await started.promise;
  await listener.close(20);
  expect(await answer).toBe("cut off");
});

test("closing twice waits for the first", async () => {
  const listener = await serving(echo);
  const first = listener.close();
  expect(listener.close()).toBe(first);
  await first;
});
