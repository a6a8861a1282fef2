import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";
import type { Process } from "../model/component.ts";
import type { EventInit } from "../model/event.ts";
import { createRunContext, type TestRunContext } from "../testing/context.ts";
import { createFakeClock } from "../testing/clock.ts";
import { webhookProcess, type WebhookProcessOptions } from "./webhook.ts";

const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes, yes").toString("base64")}`;

interface Got {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function receiver(
  answer: (response: ServerResponse) => void = (response) => response.end("ok"),
): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => {
      got.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hidden-token`, got };
}

function make(options: WebhookProcessOptions): Process {
  const process = webhookProcess({ name: "notify", allowPrivate: ["127.0.0.0/8"], ...options });
  closing.push(() => process.close?.());
  return process;
}

const EVENT: EventInit = {
  location: "shop.orders",
  operation: "create",
  id: "1",
  data: { name: "Zoë", total: 1.5 },
  cause: { runs: [], hops: 3, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
};

async function run(
  options: WebhookProcessOptions,
  context: TestRunContext = createRunContext({ event: EVENT }),
) {
  await make(options).run(context.event, context);
  return context;
}

function failure(options: WebhookProcessOptions): Promise<Record<string, unknown>> {
  return run(options).then(
    () => expect.unreachable("the run succeeded"),
    (error: Record<string, unknown>) => error,
  );
}

function first(got: readonly Got[]): Got {
  const [request] = got;
  if (request === undefined) throw new Error("nothing was sent");
  return request;
}

describe("what a webhook process sends", () => {
  test("is the event as JSON, under the run's id, with attempt, fence, trace and hops", async () => {
    const { url, got } = await receiver();
    const context = await run(
      { url },
      createRunContext({ event: EVENT, attempt: 2, fence: 77, process: "notify" }),
    );
    const { id } = context.run;
    expect(got[0]).toMatchObject({
      method: "POST",
      url: "/hook?token=hidden-token",
      headers: {
        "content-type": "application/json",
        "idempotency-key": id,
        "webhook-id": id,
        "x-sluice-run": id,
        "x-sluice-attempt": "2",
        "x-sluice-fence": "77",
        "x-sluice-hops": "4",
        traceparent: context.traceparent,
      },
    });
    const { location, operation, trigger, uid, time, data, cause } = context.event;
    expect(JSON.parse(first(got).body)).toEqual({
      location,
      operation,
      id: "1",
      trigger,
      uid,
      time,
      data,
      cause,
    });
    expect(context.traceparent).toContain("0af7651916cd43dd8448eb211c80319c");
  });

  test("has the method and headers that it was given", async () => {
    const { url, got } = await receiver();
    await run({ url, method: "PUT", headers: { "Content-Type": "text/x-event", Authorization: "Bearer x" } });
    expect(got[0]).toMatchObject({
      method: "PUT",
      headers: { "content-type": "text/x-event", authorization: "Bearer x" },
    });
    await run({ url, method: "GET" });
    expect(got[1]).toMatchObject({ method: "GET", body: "" });
  });

  test("is signed so that the scheme's own package verifies it, for each secret", async () => {
    const { url, got } = await receiver();
    const clock = createFakeClock(Date.now());
    const other = `whsec_${Buffer.from("quite another one").toString("base64")}`;
    await run({ url, secrets: [SECRET, other] }, createRunContext({ event: EVENT, clock }));
    const { headers, body } = first(got);
    for (const secret of [SECRET, other]) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(body));
    }
    expect(() => new Webhook("c29tZXRoaW5n").verify(body, headers as Record<string, string>)).toThrow(
      "No matching signature found",
    );
  });

  test("is signed in GitHub's way if asked", async () => {
    const { url, got } = await receiver();
    await run({ url, secret: "s3cret", scheme: "github" });
    const { headers, body } = first(got);
    expect(headers["x-hub-signature-256"]).toBe(
      `sha256=${createHmac("sha256", "s3cret").update(body).digest("hex")}`,
    );
  });

  test("is the same id on every attempt", async () => {
    const { url, got } = await receiver();
    const context = createRunContext({ event: EVENT });
    await run({ url }, context);
    await run({ url }, { ...context, attempt: 2 });
    expect(got.map(({ headers }) => headers["idempotency-key"])).toEqual([context.run.id, context.run.id]);
  });
});

describe("an answer to a webhook process", () => {
  const answering = (status: number, headers: Record<string, string> = {}, body = "because") =>
    receiver((response) => response.writeHead(status, headers).end(body));

  test.each([200, 201, 202, 204, 299])("of %i succeeds", async (status) => {
    const { url, got } = await answering(status);
    await run({ url });
    expect(got).toHaveLength(1);
  });

  test.each([408, 425, 429, 500, 502, 503, 599])("of %i is tried again", async (status) => {
    const { url } = await answering(status);
    expect(await failure({ url })).toMatchObject({
      name: "SluiceError",
      code: "HTTP_STATUS",
      message: expect.stringMatching(`POST http://127.0.0.1:\\d+ answered ${status}: because`),
    });
  });

  test.each([400, 401, 403, 404, 409, 418, 422])("of %i is final", async (status) => {
    const { url } = await answering(status);
    expect(await failure({ url })).toMatchObject({
      name: "PermanentError",
      code: "HTTP_STATUS",
      pauseProcess: false,
    });
  });

  test("of 410 is final, and asks for a pause", async () => {
    const { url } = await answering(410);
    expect(await failure({ url })).toMatchObject({ name: "PermanentError", pauseProcess: true });
  });

  test.each([301, 302, 303, 307, 308, 304])("of %i is final: no redirect is followed", async (status) => {
    const { url, got } = await answering(status, { location: "http://169.254.169.254/" });
    expect(await failure({ url })).toMatchObject({ name: "PermanentError", code: "HTTP_STATUS" });
    expect(got).toHaveLength(1);
  });

  test("is asked again when Retry-After says, in seconds or as a date, within an hour", async () => {
    const seconds = await answering(503, { "retry-after": "7" });
    expect(await failure({ url: seconds.url })).toMatchObject({ name: "RetryAfter", delay: 7_000 });
    // The context's clock stands at the beginning of 2026.
    const date = await answering(429, { "retry-after": "Thu, 01 Jan 2026 00:01:00 GMT" });
    expect(await failure({ url: date.url })).toMatchObject({ name: "RetryAfter", delay: 60_000 });
    const long = await answering(429, { "retry-after": "99999999" });
    expect(await failure({ url: long.url })).toMatchObject({ name: "RetryAfter", delay: 3_600_000 });
    const bad = await answering(429, { "retry-after": "tomorrow" });
    expect(await failure({ url: bad.url })).toMatchObject({ name: "SluiceError" });
  });

  test("is kept in the log, shortened and without control characters", async () => {
    const { url } = await answering(200, {}, `\u001b[31mred\u0000 ${"x".repeat(5_000)}`);
    const { lines } = await run({ url });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.text).toMatch(
      /^POST http:\/\/127\.0\.0\.1:\d+: 200 after \d+ ms\n\ufffd\[31mred\ufffd x+…$/,
    );
    expect(lines[0]?.text.length).toBeLessThan(2_100);
  });

  test("does not show secrets that it echoes, nor the address's query", async () => {
    const echo = `${SECRET} Bearer hidden-credential`;
    const { url } = await answering(400, {}, echo);
    const context = createRunContext({ event: EVENT });
    const error = await run(
      { url, secret: SECRET, headers: { Authorization: "Bearer hidden-credential" } },
      context,
    ).then(
      () => "",
      (thrown: Error) => thrown.message,
    );
    const shown = [error, ...context.lines.map((line) => line.text)].join("\n");
    expect(shown).toContain("*** ***");
    expect(shown).not.toMatch(/hidden/);
  });
});

describe("a webhook process that gets no answer", () => {
  test("fails so that it is tried again", async () => {
    const { url } = await receiver((response) => response.destroy());
    expect(await failure({ url })).toMatchObject({ name: "SluiceError", code: "NETWORK" });
  });

  test("ends with its signal's reason", async () => {
    const context = createRunContext({ event: EVENT });
    const { url } = await receiver(() => context.abort());
    await expect(run({ url }, context)).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("has a time-out unless it is given another", () => {
    expect(webhookProcess({ name: "n", url: "https://example.com" }).settings?.timeout).toBe("30s");
    expect(webhookProcess({ name: "n", url: "https://example.com", timeout: "2m" }).settings?.timeout).toBe(
      "2m",
    );
  });
});

describe("the options of a webhook process", () => {
  const making = (given: object) => () =>
    webhookProcess({ name: "n", url: "https://example.com/", ...given });

  test.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://169.254.169.254/",
    "http://[::ffff:10.0.0.1]/",
    "http://localhost:8787/",
  ])("refuse the private address %s", (url) => {
    expect(making({ url })).toThrow(
      expect.objectContaining({
        code: "PRIVATE_ADDRESS",
        details: expect.objectContaining({ path: ["url"] }),
      }),
    );
    expect(making({ url, allowPrivate: true })).not.toThrow();
  });

  test.each([
    { url: "ftp://example.com" },
    { url: "no url" },
    { url: "https://user:pass@example.com" },
    { method: "BREW" },
    { headers: { "X-A": "a\r\nX-B: b" } },
    { headers: { "X A": "a" } },
    { headers: { "Idempotency-Key": "mine" } },
    { headers: { "Transfer-Encoding": "chunked" } },
    { secret: "" },
    { allowPrivate: ["intranet"] },
    { unknown: 1 },
  ])("are refused: %j", (given) => {
    expect(making(given)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });
});
