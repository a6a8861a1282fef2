import { Webhook } from "standardwebhooks";
import { afterEach } from "vitest";
import { webhookInput, type WebhookInputOptions } from "../../src/inputs/webhook.ts";
import type { Input } from "../../src/model/component.ts";
import { createFakeClock } from "../../src/testing/clock.ts";
import {
  createInputContext,
  type InputContextOptions,
  type TestInputContext,
} from "../../src/testing/context.ts";

export const SECRET: string = `whsec_${Buffer.from("a secret of thirty-two bytes, yes").toString("base64")}`;
export const OTHER: string = `whsec_${Buffer.from("quite another secret of some size").toString("base64")}`;
export const UID = "0193c0de-0000-7000-8000-000000000001";
export const NOW: number = Date.UTC(2026, 0, 1);

export interface Running {
  readonly context: TestInputContext;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly ended: Promise<void>;
}

const running: Running[] = [];

// Ends what a test started.
afterEach(async () => {
  for (const { context, ended } of running.splice(0)) {
    context.stop();
    await ended;
  }
});

export function fetchOf(input: Input): Running["fetch"] {
  return (request) => input.fetch?.(request) ?? Promise.reject(new Error("there is no fetch"));
}

export function start(
  given: Partial<WebhookInputOptions> = { auth: "none" },
  more: InputContextOptions = {},
): Running {
  const input = webhookInput({ name: "orders", path: "/hooks/orders", ...given });
  const context = createInputContext({ name: "orders", clock: createFakeClock(NOW), ...more });
  const made = { context, fetch: fetchOf(input), ended: input.handle(context) };
  running.push(made);
  return made;
}

export type Body = string | Uint8Array<ArrayBuffer> | ReadableStream;

export function post(body: Body, headers: Record<string, string> = {}): Request {
  const stream = body instanceof ReadableStream ? { duplex: "half" } : {};
  const type =
    typeof body === "string" && !("content-type" in headers) ? { "content-type": "application/json" } : {};
  return new Request("http://127.0.0.1/hooks/orders", {
    method: "POST",
    body,
    headers: { ...type, ...headers },
    ...stream,
  } as RequestInit);
}

export function signed(
  body: string,
  change: { id?: string; at?: number; secret?: string; prefix?: string } = {},
): Request {
  const { id = "msg_1", at = NOW, secret = SECRET, prefix = "webhook" } = change;
  return post(body, {
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(Math.floor(at / 1000)),
    [`${prefix}-signature`]: new Webhook(secret).sign(id, new Date(at), body),
  });
}

export async function answer(response: Promise<Response>): Promise<[number, Record<string, unknown>]> {
  const got = await response;
  return [got.status, (await got.json()) as Record<string, unknown>];
}

export async function code(response: Promise<Response>): Promise<[number, unknown]> {
  const [status, body] = await answer(response);
  return [status, body["code"]];
}
