import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { realClock } from "../testing/real-clock.ts";
import { createAddressGuard } from "./address.ts";
import { createHttpClient, type HttpCall, type HttpClient, type ResolvedAddress } from "./client.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function serve(listener: RequestListener): Promise<number> {
  return listen(createServer(listener));
}

function client(options: Partial<Parameters<typeof createHttpClient>[0]> = {}): HttpClient {
  const made = createHttpClient({ guard: createAddressGuard(["127.0.0.1"]), ...options });
  closing.push(() => made.close());
  return made;
}

function call(url: string, more: Partial<HttpCall> = {}): HttpCall {
  return { url, method: "GET", headers: {}, signal: new AbortController().signal, clock: realClock, ...more };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const loopback: readonly ResolvedAddress[] = [{ address: "127.0.0.1", family: 4 }];

describe("an outgoing call", () => {
  test("sends method, headers and body, and answers with status, headers and body", async () => {
    const port = await serve((request, response) => {
      let body = "";
      request.on("data", (part) => (body += part));
      request.on("end", () =>
        response.writeHead(418, { "x-seen": request.headers["x-a"] }).end(`${request.method} ${body}`),
      );
    });
    const answer = await client().request(
      call(`http://127.0.0.1:${port}/`, { method: "PUT", headers: { "x-a": "b" }, body: "ä" }),
    );
    expect([answer.status, answer.headers["x-seen"], text(answer.body), answer.cut]).toEqual([
      418,
      "b",
      "PUT ä",
      false,
    ]);
  });

  test("does not follow a redirect", async () => {
    let calls = 0;
    const port = await serve((_, response) => {
      calls++;
      response.writeHead(302, { location: "http://169.254.169.254/" }).end();
    });
    const answer = await client().request(call(`http://127.0.0.1:${port}/`));
    expect([answer.status, calls]).toEqual([302, 1]);
  });

  test("refuses a name that resolves to a private address, even if another of its addresses is public", async () => {
    const resolve = async (): Promise<ResolvedAddress[]> => [
      { address: "1.1.1.1", family: 4 },
      { address: "10.0.0.1", family: 4 },
    ];
    await expect(client({ resolve }).request(call("http://intranet.example/"))).rejects.toMatchObject({
      name: "PermanentError",
      code: "PRIVATE_ADDRESS",
    });
  });

  test("connects to the address that was checked: a name is resolved once", async () => {
    const port = await serve((request, response) => response.end(request.headers.host));
    const answers = [loopback, [{ address: "169.254.169.254", family: 4 }]];
    let resolved = 0;
    const resolve = async (): Promise<readonly ResolvedAddress[]> => answers[resolved++] ?? [];
    const answer = await client({ resolve }).request(call(`http://rebinding.example:${port}/`));
    expect([text(answer.body), resolved]).toEqual([`rebinding.example:${port}`, 1]);
  });

  test("cuts an answer that does not end", async () => {
    const port = await serve((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(10_000)));
      };
      response.on("drain", more);
      more();
    });
    const answer = await client({ maxBody: 1_000 }).request(call(`http://127.0.0.1:${port}/`));
    expect([answer.status, answer.body.length, answer.cut]).toEqual([200, 1_000, true]);
  });

  test("does not wait for a body that does not come", async () => {
    const port = await serve((_, response) => {
      response.writeHead(200);
      response.write("begun");
    });
    const answer = await client({ bodyTimeout: 20 }).request(call(`http://127.0.0.1:${port}/`));
    expect([answer.status, text(answer.body), answer.cut]).toEqual([200, "begun", true]);
  });

  test("ends with the signal's reason while no answer comes", async () => {
    const controller = new AbortController();
    const port = await serve(() => controller.abort(new Error("time is up")));
    const calling = client().request(call(`http://127.0.0.1:${port}/`, { signal: controller.signal }));
    await expect(calling).rejects.toThrow("time is up");
  });

  test("sends nothing once its signal aborted", async () => {
    let calls = 0;
    const port = await serve(() => calls++);
    const signal = AbortSignal.abort(new Error("over"));
    await expect(client().request(call(`http://127.0.0.1:${port}/`, { signal }))).rejects.toThrow("over");
    expect(calls).toBe(0);
  });

  test("says who did not answer", async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    await expect(client().request(call(`http://127.0.0.1:${port}/a?token=1`))).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(`^no answer from http://127.0.0.1:${port}: .*ECONNREFUSED`),
      details: { reason: "ECONNREFUSED" },
    });
  });

  test("reports headers without end, nonsense, another protocol and silence as no answer", async () => {
    for (const bytes of [
      `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n`,
      "ssh-2.0 hello\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
      "",
    ]) {
      const port = await listen(createTcpServer((socket) => socket.on("error", () => undefined).end(bytes)));
      await expect(client().request(call(`http://127.0.0.1:${port}/`))).rejects.toMatchObject({
        code: "NETWORK",
      });
    }
  });

  test("calls again when a kept connection had been closed by the server", async () => {
    let calls = 0;
    const port = await listen(
      createTcpServer((socket) => {
        socket.on("error", () => undefined);
        let first = true;
        socket.on("data", () => {
          calls++;
          if (first) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
          else socket.resetAndDestroy();
          first = false;
        });
      }),
    );
    const one = client();
    const first = await one.request(call(`http://127.0.0.1:${port}/`));
    const second = await one.request(call(`http://127.0.0.1:${port}/`));
    expect([text(first.body), text(second.body), calls]).toEqual(["ok", "ok", 3]);
  });
});

describe("looking whether somebody listens", () => {
  test("asks nothing of them", async () => {
    let calls = 0;
    const port = await serve(() => calls++);
    await expect(client().reach(`http://127.0.0.1:${port}/`)).resolves.toBeUndefined();
    expect(calls).toBe(0);
  });

  test("says who does not, and refuses private addresses", async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    await expect(client().reach(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: "NETWORK" });
    const resolve = async (): Promise<ResolvedAddress[]> => [{ address: "10.0.0.1", family: 4 }];
    await expect(client({ resolve }).reach("https://intranet.example/")).rejects.toMatchObject({
      code: "PRIVATE_ADDRESS",
    });
  });
});
