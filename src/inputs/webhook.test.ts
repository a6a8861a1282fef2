import { describe, expect, test } from "vitest";
import { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";
import { createSignal } from "../testing/signal.ts";
import { webhookInput, type WebhookInputOptions } from "./webhook.ts";
import { SECRET, UID, fetchOf, start, post, signed, answer, code } from "../../test/support/webhook-input.ts";

test("secrets that can be guessed are warned of, each where it stands", () => {
  const given = {
    path: "/x",
    scheme: "standard",
    secret: "hunter2",
    secrets: [SECRET, "whsec_aGVsbG8="],
  } as const;
  expect(webhookInput.warnings?.(given)).toMatchObject([
    { code: "WEAK_SECRET", path: ["secret"], message: expect.stringContaining("of 7 bytes") },
    { code: "WEAK_SECRET", path: ["secrets", 1], message: expect.stringContaining("of 5 bytes") },
  ]);
  expect(webhookInput.warnings?.({ path: "/x", scheme: "github", secret: "0123456789abcdef" })).toEqual([]);
});

describe("deliveries of a webhook input", () => {
  async function twice(first: Request, second: Request, given?: Partial<WebhookInputOptions>) {
    const { context, fetch } = start(given ?? { auth: "none" });
    const answers = [await answer(fetch(first)), await answer(fetch(second))];
    return { answers, kept: context.emitted.length, uid: context.emitted[0]?.uid };
  }

  test.each([
    [{ "webhook-id": "d1" }],
    [{ "svix-id": "d1" }],
    [{ "X-GitHub-Delivery": "d1" }],
    [{ "Idempotency-Key": "d1" }],
    [{ "ce-specversion": "1.0", "ce-id": "d1", "ce-source": "s", "ce-type": "t" }],
  ])("are known again by %j: 200 with the first one's uid", async (headers: Record<string, string>) => {
    const { answers, kept, uid } = await twice(post(`{"a":1}`, headers), post(`{"a":2}`, headers));
    expect(answers).toEqual([
      [202, { uid }],
      [200, { uid, duplicate: true }],
    ]);
    expect(kept).toBe(1);
  });

  test("are known again by our uid", async () => {
    const body = `{"location":"a","id":"1","uid":"${UID}"}`;
    expect((await twice(post(body), post(body))).answers[1]).toEqual([200, { uid: UID, duplicate: true }]);
  });

  test("are never told apart by the record's id or the body", async () => {
    const body = `{"location":"a","operation":"update","id":"1"}`;
    expect((await twice(post(body), post(body))).kept).toBe(2);
    const headers = { "ce-specversion": "1.0", "ce-id": "d1", "ce-type": "t", "ce-subject": "same" };
    const other = await twice(
      post("{}", { ...headers, "ce-source": "a" }),
      post("{}", { ...headers, "ce-source": "b" }),
    );
    expect(other.kept).toBe(2);
  });

  test("of one header are not those of another", async () => {
    expect(
      (await twice(post("{}", { "webhook-id": "1" }), post("{}", { "idempotency-key": "1" }))).kept,
    ).toBe(2);
  });

  test("that are signed are known by what the signature covers, not by another header", async () => {
    const first = signed("{}");
    first.headers.set("idempotency-key", "a");
    first.headers.set("x-github-delivery", "a");
    const second = signed("{}");
    second.headers.set("idempotency-key", "b");
    second.headers.set("x-github-delivery", "b");
    expect((await twice(first, second, { secret: SECRET })).kept).toBe(1);
  });

  test("with an id that is too long, empty or not printable: 400", async () => {
    for (const id of ["x".repeat(10_000), "", "\u00e4", "a\tb"]) {
      const { context, fetch } = start();
      expect(await code(fetch(post("{}", { "idempotency-key": id })))).toEqual([400, "BAD_REQUEST"]);
      expect(context.emissions).toBe(0);
    }
  });
});

describe("a webhook input and its journal", () => {
  test("answers only once the event is kept", async () => {
    const committed = createSignal();
    const { context, fetch } = start({ auth: "none" }, { beforeEmit: () => committed.wait() });
    let answered = false;
    const answering = fetch(post("{}")).finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([answered, context.emissions]).toEqual([false, 1]);
    committed.set();
    expect((await answering).status).toBe(202);
  });

  test.each(["JOURNAL_FULL", "JOURNAL_IO", "JOURNAL_BACKLOG", "JOURNAL_CLOSED"] as const)(
    "says 503 and when to come again on %s, without telling what is wrong inside",
    async (problem) => {
      const beforeEmit = (): never => {
        throw new SluiceError(problem, "disk /var/lib/secret-place is full");
      };
      const { fetch } = start({ auth: "none" }, { beforeEmit });
      const response = await fetch(post("{}"));
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      const body = await response.text();
      expect(JSON.parse(body)).toMatchObject({ code: problem });
      expect(body).not.toContain("secret-place");
    },
  );

  test("logs on its own side what it does not tell the sender", async () => {
    const logged: string[] = [];
    const quiet = (): void => undefined;
    const logger = {
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (_: object, text: string) => void logged.push(text),
    };
    const beforeEmit = (): never => {
      throw new TypeError("a bug");
    };
    const { fetch } = start({ auth: "none" }, { beforeEmit, logger });
    expect(await code(fetch(post("{}")))).toEqual([503, "INTERNAL"]);
    expect(logged).toHaveLength(1);
  });

  test("says what its operations filter: 200", async () => {
    const { context, fetch } = start();
    Object.assign(context, {
      emit: async (event: EventInit) => ({ uid: event.uid ?? UID, duplicate: false, filtered: true }),
    });
    expect(await answer(fetch(post("{}")))).toEqual([200, { filtered: true }]);
  });

  test("is unavailable before it runs, and once it was stopped: 503", async () => {
    const input = webhookInput({ name: "orders", path: "/o", auth: "none" });
    expect(await code(fetchOf(input)(post("{}")))).toEqual([503, "NOT_RUNNING"]);
    const { context, fetch, ended } = start();
    expect(context.isReady.isSet).toBe(true);
    context.stop();
    await ended;
    expect(await code(fetch(post("{}")))).toEqual([503, "NOT_RUNNING"]);
    expect(context.emissions).toBe(0);
  });

  test("keeps nothing whose body was still coming when it was stopped", async () => {
    const { context, fetch, ended } = start();
    const begun = createSignal();
    const stopped = createSignal();
    const body = new ReadableStream({
      async pull(controller) {
        begun.set();
        await stopped.wait();
        controller.enqueue(Buffer.from("{}"));
        controller.close();
      },
    });
    const answering = fetch(post(body));
    await begun.wait();
    context.stop();
    stopped.set();
    expect(await code(answering)).toEqual([503, "NOT_RUNNING"]);
    await ended;
    expect(context.emissions).toBe(0);
  });

  test("waits for what is being kept before it ends", async () => {
    const committing = createSignal();
    const committed = createSignal();
    const beforeEmit = (): Promise<void> => {
      committing.set();
      return committed.wait();
    };
    const { context, fetch, ended } = start({ auth: "none" }, { beforeEmit });
    const answering = fetch(post("{}"));
    await committing.wait();
    context.stop();
    let over = false;
    void ended.then(() => (over = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    committed.set();
    expect((await answering).status).toBe(202);
    await ended;
  });
});

describe("the options of a webhook input", () => {
  const invalid = (given: object) => () => webhookInput({ name: "orders", path: "/orders", ...given });
  const error = expect.objectContaining({ code: "INVALID_OPTIONS" });

  test("must say how requests are authenticated, and only one way", () => {
    expect(invalid({})).toThrow(/auth = "none"/);
    expect(invalid({ auth: "none", secret: "x" })).toThrow(error);
    expect(invalid({ auth: "basic" })).toThrow(error);
    expect(invalid({ secrets: [] })).toThrow(error);
  });

  test.each([
    { path: "orders" },
    { path: "//evil" },
    { path: "/a b" },
    { path: "/a?b" },
    { path: "/a/../api" },
    { secret: "" },
    { secret: "whsec_" },
    { secret: "whsec_not base64" },
    { pick: { id: "order/id" } },
    { pick: { nothing: "/a" } },
    { scheme: "stripe" },
    { unknown: 1 },
  ])("are refused: %j", (given) => {
    expect(invalid({ ...("secret" in given ? {} : { auth: "none" }), ...given })).toThrow(error);
  });
});
