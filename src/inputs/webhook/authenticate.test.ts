import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { WebhookInputOptions } from "../webhook.ts";
import { SECRET, OTHER, NOW, start, post, signed, code } from "../../../test/support/webhook-input.ts";

describe("signatures by Standard Webhooks", () => {
  const given = { secret: SECRET };

  async function verdict(
    request: Request,
    options: Partial<WebhookInputOptions> = given,
  ): Promise<[number, unknown]> {
    const { context, fetch } = start(options);
    const got = await code(fetch(request));
    expect(context.emissions).toBe(got[0] === 202 ? 1 : 0);
    return got;
  }
  const unauthorized = [401, "UNAUTHORIZED"];
  const accepted = [202, undefined];

  test("that the scheme's own package makes are accepted, under the older header names too", async () => {
    expect(await verdict(signed(`{"a":"ä"}`))).toEqual(accepted);
    expect(await verdict(signed(`{"a":1}`, { prefix: "svix" }))).toEqual(accepted);
  });

  test("are accepted from any of several secrets, and any of several signatures", async () => {
    expect(await verdict(signed("{}", { secret: OTHER }), { secrets: [SECRET, OTHER] })).toEqual(accepted);
    const request = signed("{}");
    request.headers.set("webhook-signature", `v1a,xx v1,AAAA ${request.headers.get("webhook-signature")}`);
    expect(await verdict(request)).toEqual(accepted);
  });

  test("are accepted for a secret without its prefix, be it base64 or text", async () => {
    const bare = SECRET.slice("whsec_".length);
    expect(await verdict(signed("{}"), { secret: bare })).toEqual(accepted);
    const body = "{}";
    const mac = createHmac("sha256", "topsecret")
      .update(`m.${NOW / 1000}.${body}`)
      .digest("base64");
    const headers = {
      "webhook-id": "m",
      "webhook-timestamp": String(NOW / 1000),
      "webhook-signature": `v1,${mac}`,
    };
    expect(await verdict(post(body, headers), { secret: "topsecret" })).toEqual(accepted);
  });

  test("are refused with the wrong secret, missing, empty, truncated, not base64, or of another version", async () => {
    expect(await verdict(signed("{}", { secret: OTHER }))).toEqual(unauthorized);
    const good = signed("{}").headers.get("webhook-signature") ?? "";
    const bad = [
      "",
      " ",
      "v1,",
      "v1",
      good.slice(3),
      good.slice(0, -1),
      `${good}=`,
      "v1,$$$",
      `v2,${good.slice(3)}`,
    ];
    for (const signature of [...bad, good.toLowerCase(), good.replace("=", "")]) {
      const request = signed("{}");
      request.headers.set("webhook-signature", signature);
      expect([signature, ...(await verdict(request))]).toEqual([signature, ...unauthorized]);
    }
    for (const header of ["webhook-signature", "webhook-id", "webhook-timestamp"]) {
      const request = signed("{}");
      request.headers.delete(header);
      expect(await verdict(request)).toEqual(unauthorized);
    }
    expect(await verdict(post("{}"))).toEqual(unauthorized);
  });

  test("are over the bytes that came: the same JSON written anew is refused", async () => {
    const { headers } = signed(`{"a": 1}`);
    expect(await verdict(post(`{"a":1}`, Object.fromEntries(headers)))).toEqual(unauthorized);
    const replaced = Buffer.concat([Buffer.from(`{"a":"`), Buffer.from([0xff]), Buffer.from(`"}`)]);
    const forReplacement = signed(`{"a":"\uFFFD"}`).headers;
    expect(await verdict(post(new Uint8Array(replaced), Object.fromEntries(forReplacement)))).toEqual(
      unauthorized,
    );
  });

  test("cover the id: the same body under another id is refused", async () => {
    const request = signed("{}");
    request.headers.set("webhook-id", "msg_2");
    expect(await verdict(request)).toEqual(unauthorized);
  });

  test("hold for five minutes either way", async () => {
    expect(await verdict(signed("{}", { at: NOW - 300_000 }))).toEqual(accepted);
    expect(await verdict(signed("{}", { at: NOW + 300_000 }))).toEqual(accepted);
    expect(await verdict(signed("{}", { at: NOW - 301_000 }))).toEqual(unauthorized);
    expect(await verdict(signed("{}", { at: NOW + 301_000 }))).toEqual(unauthorized);
  });

  test.each(["NaN", "1e99", "-1", "Infinity", "", "0x10", "1767225600.0", "1767225600abc", "9".repeat(30)])(
    "are refused with the timestamp %j",
    async (timestamp) => {
      const headers = { "webhook-id": "m", "webhook-timestamp": timestamp, "webhook-signature": "v1,AAAA" };
      expect(await verdict(post("{}", headers))).toEqual(unauthorized);
    },
  );

  test("do not help an id that is too long or not printable: 400", async () => {
    for (const id of ["x".repeat(10_000), "x".repeat(257), "a\u00e4", "a\tb"]) {
      const headers = {
        "webhook-id": id,
        "webhook-timestamp": String(NOW / 1000),
        "webhook-signature": "v1,AAAA",
      };
      expect(await verdict(post("{}", headers))).toEqual([400, "BAD_REQUEST"]);
    }
    expect(await verdict(signed("{}", { id: "x".repeat(256) }))).toEqual(accepted);
  });

  test("are looked at before the body is read as JSON, and after its size is known", async () => {
    expect(await verdict(signed("nonsense", { secret: OTHER }))).toEqual(unauthorized);
    const large = signed(`{"a":"${"x".repeat(2_000_000)}"}`, { secret: OTHER });
    expect(await verdict(large)).toEqual([413, "PAYLOAD_TOO_LARGE"]);
  });
});

describe("signatures in GitHub's way", () => {
  const secret = "It's a Secret to Everybody";

  function fromGithub(body: string, change: Record<string, string> = {}): Request {
    const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
    const delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
    return post(body, {
      "X-GitHub-Delivery": delivery,
      "X-GitHub-Event": "push",
      "X-Hub-Signature-256": signature,
      ...change,
    });
  }
  const given = { secret, scheme: "github" } as const;

  test("are accepted, and the kind of event is kept", async () => {
    const { context, fetch } = start(given);
    expect((await fetch(fromGithub(`{"ref":"main"}`))).status).toBe(202);
    expect(context.emitted[0]).toMatchObject({
      data: { ref: "main" },
      headers: { "x-github-event": "push" },
    });
    expect((await fetch(fromGithub(`{"ref":"main"}`))).status).toBe(200);
  });

  test("match the example of their documentation", async () => {
    const { context, fetch } = start(given);
    const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    // The example's body is not JSON: a right signature leads on to 400, a wrong one to 401.
    expect(await code(fetch(fromGithub("Hello, World!", { "X-Hub-Signature-256": signature })))).toEqual([
      400,
      "BAD_REQUEST",
    ]);
    expect(context.emissions).toBe(0);
  });

  test("are refused when wrong, missing, or without a delivery", async () => {
    const { context, fetch } = start(given);
    const sha1 = `sha1=${createHmac("sha1", secret).update("{}").digest("hex")}`;
    for (const signature of ["", sha1, "sha256=", `sha256=${"0".repeat(64)}`]) {
      expect((await fetch(fromGithub("{}", { "X-Hub-Signature-256": signature }))).status).toBe(401);
    }
    const request = fromGithub("{}");
    request.headers.delete("x-github-delivery");
    expect((await fetch(request)).status).toBe(401);
    expect(context.emissions).toBe(0);
  });
});
