import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { EventInit } from "../../src/model/event.ts";
import { webhookInput } from "../../src/inputs/webhook.ts";
import { webhookProcess, type WebhookProcessOptions } from "../../src/processes/webhook.ts";
import { createInputContext, createRunContext, type TestRunContext } from "../../src/testing/context.ts";
import { createFakeClock } from "../../src/testing/clock.ts";
import { processConformance } from "../../src/testing/processes/conformance.ts";
import { openReceiver, type Got } from "../support/receiver.ts";

const EVENT: EventInit = {
  location: "shop.orders",
  operation: "create",
  id: "7",
  time: "2026-01-01T00:00:00Z",
  data: { name: 'Zoë "Z" 100%', total: 5 },
  headers: { tenant: "eu", "X-Not-One": "1", "ce-type": "com.acme.order.create" },
};

async function send(
  options: WebhookProcessOptions,
  context: TestRunContext = createRunContext({ event: EVENT }),
): Promise<TestRunContext> {
  const process = webhookProcess({ name: "notify", allowPrivate: true, ...options });
  try {
    await process.run(context.event, context);
  } finally {
    await process.close?.();
  }
  return context;
}

/** What our own webhook input takes of a request. */
async function taken({ headers, body }: Got): Promise<unknown> {
  const input = webhookInput({ name: "hook", path: "/", auth: "none" });
  const context = createInputContext({ name: "hook" });
  const ended = input.handle(context);
  const request = new Request("http://127.0.0.1/", {
    method: "POST",
    body,
    headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
  });
  const response = await input.fetch?.(request);
  expect(response?.status).toBe(202);
  context.stop();
  await ended;
  return context.emitted[0];
}

test.each(
  processConformance({
    async create() {
      // It keeps an idempotency key, as a receiver does that is called again.
      const receiver = await openReceiver((response, { body }) => {
        const { data } = JSON.parse(body) as { data: string };
        if (data !== "lasts") response.writeHead(data === "fails" ? 500 : 200).end();
      });
      const process = webhookProcess({ name: "notify", url: receiver.url, allowPrivate: true });
      return {
        process,
        succeeds: { data: "succeeds" },
        fails: { data: "fails" },
        lasts: { data: "lasts" },
        effects: ({ id }) =>
          new Set(receiver.got.map(({ headers }) => headers["idempotency-key"]).filter((key) => key === id))
            .size,
        async close() {
          await process.close?.();
          await receiver[Symbol.asyncDispose]();
        },
      };
    },
  }),
)("$name", ({ run }) => run());

describe("what is sent of an event", () => {
  test("is a CloudEvent in binary mode: attributes in headers, the data alone in the body", async () => {
    await using receiver = await openReceiver();
    const { event, traceparent } = await send({ url: receiver.url, body: "cloudevents-binary" });
    const [got] = receiver.got as [Got];
    expect(got.headers).toMatchObject({
      "content-type": "application/json",
      "ce-specversion": "1.0",
      "ce-id": event.uid,
      "ce-source": "shop.orders",
      "ce-type": "com.acme.order.create",
      "ce-subject": "7",
      "ce-time": "2026-01-01T00:00:00.000Z",
      "ce-tenant": "eu",
      "ce-traceparent": traceparent,
    });
    expect(got.headers).not.toHaveProperty("ce-x-not-one");
    expect(JSON.parse(got.body)).toEqual(event.data);
  });

  test("is a CloudEvent in structured mode: all of it is the body", async () => {
    await using receiver = await openReceiver();
    const { event } = await send({ url: receiver.url, body: "cloudevents-structured" });
    const [got] = receiver.got as [Got];
    expect(got.headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
    expect(JSON.parse(got.body)).toMatchObject({
      specversion: "1.0",
      id: event.uid,
      source: "shop.orders",
      type: "com.acme.order.create",
      subject: "7",
      tenant: "eu",
      datacontenttype: "application/json",
      data: event.data,
    });
  });

  test.each(["cloudevents-binary", "cloudevents-structured"] as const)(
    "is understood by our own input: %s",
    async (body) => {
      await using receiver = await openReceiver();
      await send(
        { url: receiver.url, body },
        createRunContext({ event: { ...EVENT, id: 'Zoë "7" %', location: "shop/orders" } }),
      );
      expect(await taken(receiver.got[0] as Got)).toMatchObject({
        location: "shop/orders",
        operation: "create",
        id: 'Zoë "7" %',
        data: EVENT.data,
        headers: { "ce-type": "com.acme.order.create", tenant: "eu" },
      });
    },
  );

  test("an event without data or a type of its own is a CloudEvent, too", async () => {
    await using receiver = await openReceiver();
    const event = { location: "", operation: "delete", id: "7" };
    await send({ url: receiver.url, body: "cloudevents-binary" }, createRunContext({ event }));
    const [got] = receiver.got as [Got];
    expect(got).toMatchObject({ body: "", headers: { "ce-type": "sluice.event.delete", "ce-source": "/" } });
    expect(got.headers["content-type"]).toBeUndefined();
  });

  test("is a template that is filled from it, with the content type that was given", async () => {
    await using receiver = await openReceiver();
    const template = { text: "//not a pointer", order: "/id", total: "/data/total", none: "/data/none" };
    const headers = { "Content-Type": "application/vnd.acme+json" };
    await send({ url: receiver.url, template, headers });
    const [got] = receiver.got as [Got];
    expect(got.headers["content-type"]).toBe("application/vnd.acme+json");
    expect(JSON.parse(got.body)).toEqual({ text: "/not a pointer", order: "7", total: 5 });
  });
});

describe("a call with client credentials", () => {
  const oauthOf = (url: string) => ({
    token_url: `${url}token`,
    client_id: "id:1",
    client_secret: "hidden secret & more",
    scope: "orders:write",
    audience: "https://api.example",
  });

  /** A token endpoint that answers token-1, token-2, …. */
  const tokens = (more: object = { expires_in: 3_600 }) => {
    let count = 0;
    return openReceiver((response) =>
      response.end(
        JSON.stringify({ access_token: `token-${++count}-hidden`, token_type: "Bearer", ...more }),
      ),
    );
  };

  test("carries a token, fetched once for all, by id and secret, scope and audience", async () => {
    await using endpoint = await tokens();
    await using receiver = await openReceiver();
    const process = webhookProcess({
      name: "notify",
      url: receiver.url,
      allowPrivate: true,
      oauth: oauthOf(endpoint.url),
    });
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const context = createRunContext({ event: EVENT });
        await process.run(context.event, context);
      }),
    );
    await process.close?.();
    expect(endpoint.got).toHaveLength(1);
    expect(endpoint.got[0]).toMatchObject({
      method: "POST",
      url: "/token",
      headers: {
        authorization: `Basic ${Buffer.from("id%3A1:hidden+secret+%26+more").toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "grant_type=client_credentials&scope=orders%3Awrite&audience=https%3A%2F%2Fapi.example",
    });
    expect(new Set(receiver.got.map(({ headers }) => headers.authorization))).toEqual(
      new Set(["Bearer token-1-hidden"]),
    );
  });

  test("may send id and secret in the body", async () => {
    await using endpoint = await tokens();
    await using receiver = await openReceiver();
    await send({ url: receiver.url, oauth: { ...oauthOf(endpoint.url), auth: "body" } });
    expect(endpoint.got[0]?.headers.authorization).toBeUndefined();
    expect(endpoint.got[0]?.body).toContain("client_id=id%3A1&client_secret=hidden+secret+%26+more");
  });

  test("fetches a new one shortly before the old one ends", async () => {
    await using endpoint = await tokens({ expires_in: 600 });
    await using receiver = await openReceiver();
    const clock = createFakeClock();
    const process = webhookProcess({
      name: "notify",
      url: receiver.url,
      allowPrivate: true,
      oauth: oauthOf(endpoint.url),
    });
    for (const wait of [0, 539_000, 1_000]) {
      await clock.advance(wait);
      const context = createRunContext({ event: EVENT, clock });
      await process.run(context.event, context);
    }
    await process.close?.();
    expect(receiver.got.map(({ headers }) => headers.authorization?.slice(0, 14))).toEqual([
      "Bearer token-1",
      "Bearer token-1",
      "Bearer token-2",
    ]);
  });

  test("tries once with a new token when the receiver takes the old one no more, and shows neither", async () => {
    await using endpoint = await tokens();
    await using receiver = await openReceiver((response, { headers }) => {
      response.writeHead(headers.authorization === "Bearer token-2-hidden" ? 200 : 401);
      response.end(`got ${headers.authorization}`);
    });
    const { lines } = await send({ url: receiver.url, oauth: oauthOf(endpoint.url) });
    expect(receiver.got).toHaveLength(2);
    expect(lines.map(({ text }) => text).join("\n")).toMatch(
      /401 .*\n.*Bearer \*\*\*\n.*200 .*\n.*Bearer \*\*\*/,
    );
    receiver.answer = (response) => response.writeHead(401).end();
    await expect(send({ url: receiver.url, oauth: oauthOf(endpoint.url) })).rejects.toMatchObject({
      name: "PermanentError",
      code: "HTTP_STATUS",
    });
    expect(receiver.got).toHaveLength(4);
  });

  test.each<[string, number, string, string]>([
    ["a refusal", 401, `{"error":"invalid_client","said":"hidden secret & more"}`, "HTTP_STATUS"],
    ["a refusal that quotes the body", 400, "client_secret=hidden+secret+%26+more", "HTTP_STATUS"],
    [
      "a refusal that quotes the header",
      400,
      `authorization: Basic ${Buffer.from("id%3A1:hidden+secret+%26+more").toString("base64")}`,
      "HTTP_STATUS",
    ],
    [
      "a refusal whose secret is where it is cut",
      400,
      `${" ,".repeat(95)}hidden secret & more`,
      "HTTP_STATUS",
    ],
    ["a failure", 503, "", "HTTP_STATUS"],
    ["no JSON", 200, "<html>", "INVALID_ANSWER"],
    ["no token", 200, `{"token_type":"Bearer"}`, "INVALID_ANSWER"],
    [
      "a token that no header can hold",
      200,
      `{"access_token":"a\\r\\nb","token_type":"Bearer"}`,
      "INVALID_ANSWER",
    ],
    ["another kind of token", 200, `{"access_token":"hidden-token","token_type":"mac"}`, "INVALID_ANSWER"],
  ])("waits, at no cost of an attempt, if the token endpoint answers %s", async (_, status, body, code) => {
    await using endpoint = await openReceiver((response) => response.writeHead(status).end(body));
    await using receiver = await openReceiver();
    const error = await send({ url: receiver.url, oauth: oauthOf(endpoint.url) }).catch(
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ name: "Postponed", code, holdProcess: true });
    expect((error as Error).message).toContain(`the token endpoint ${endpoint.url.slice(0, -1)}`);
    expect((error as Error).message).not.toMatch(/hidden|aWQlM0Ex/);
    expect(receiver.got).toEqual([]);
  });

  test("does not go to a token endpoint at a private address", () => {
    const making = () =>
      webhookProcess({ name: "n", url: "https://example.com/", oauth: oauthOf("http://169.254.169.254/") });
    expect(making).toThrow(expect.objectContaining({ code: "PRIVATE_ADDRESS" }));
  });
});

const folder = mkdtempSync(join(tmpdir(), "sluice-mtls-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const certificates = makeCertificates();

describe.skipIf(certificates === undefined)("a call by https that shows a certificate", () => {
  const { ca, server, client } = certificates as Certificates;

  test("is taken by a receiver that asks for one, whose own is trusted by ca", async () => {
    await using receiver = await openReceiver(undefined, { ...server, ca, requestCert: true });
    await send({ url: receiver.url, tls: { ca, ...client } });
    expect(receiver.got).toHaveLength(1);
  });

  test("is not made if the receiver's is not trusted, nor taken without ours", async () => {
    await using receiver = await openReceiver(undefined, { ...server, ca, requestCert: true });
    await expect(send({ url: receiver.url, tls: client })).rejects.toMatchObject({ code: "NETWORK" });
    await expect(send({ url: receiver.url, tls: { ca } })).rejects.toMatchObject({ code: "NETWORK" });
    expect(receiver.got).toEqual([]);
  });

  test.each([
    [{ cert: client.cert }, "belong together"],
    [{ ca: "ca.pem" }, "PEM"],
    [{ cert: client.cert, key: server.key }, "cannot be used"],
    [{ ca: "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----" }, "cannot be used"],
  ])("is refused with options that do not fit: %#", (tls, message) => {
    const making = () => webhookProcess({ name: "n", url: "https://example.com/", tls });
    expect(making).toThrow(
      expect.objectContaining({ code: "INVALID_OPTIONS", message: expect.stringContaining(message) }),
    );
  });
});

describe("options", () => {
  const oauth = { token_url: "https://example.com/", client_id: "a", client_secret: "b" };
  const template = { a: "/id" };
  test.each([
    { template, body: "cloudevents-binary" },
    { template, method: "GET" },
    { template: { a: "/b~3" } },
    { body: "xml" },
    { oauth, headers: { authorization: "Bearer x" } },
    { oauth: { token_url: "https://example.com/" } },
    { oauth: { ...oauth, token_url: "example" } },
    { breakAfter: -1 },
    { breakFor: "1ms" },
    { tls: {}, url: "http://example.com/" },
    { headers: { "ce-id": "1" } },
  ])("are refused: %j", (given) => {
    const making = () => webhookProcess({ name: "n", url: "https://example.com/", ...given } as never);
    expect(making).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });
});

test("an answer that is no text is told by its size and type", async () => {
  await using receiver = await openReceiver((response) =>
    response.setHeader("content-type", "image/png\u00ff").end(Buffer.alloc(50)),
  );
  const { lines } = await send({ url: receiver.url });
  expect(lines[0]?.text).toMatch(/200 after \d+ ms\n\(50 bytes of image\/png.+\)$/);
});

interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** An authority, and what it has signed for 127.0.0.1 and for a client; `undefined` without openssl. */
function makeCertificates(): Certificates | undefined {
  const openssl = (line: string): boolean =>
    spawnSync("openssl", line.split(" "), { cwd: folder }).status === 0;
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const signed = (name: string): boolean =>
    openssl(`req -new -newkey rsa:2048 -nodes -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`) &&
    openssl(
      `x509 -req -in ${name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out ${name}.crt`,
    );
  writeFileSync(join(folder, "names"), "subjectAltName=IP:127.0.0.1\n");
  const isMade =
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt") &&
    signed("server") &&
    signed("client");
  if (!isMade) return undefined;
  const pair = (name: string) => ({ cert: read(`${name}.crt`), key: read(`${name}.key`) });
  return { ca: read("ca.crt"), server: pair("server"), client: pair("client") };
}
