import { expect, test } from "vitest";
import { readRequestBody } from "./request-body.ts";

function request(body: string | ReadableStream | null, headers: Record<string, string> = {}): Request {
  return new Request("http://x.example/", { method: "POST", body, headers, duplex: "half" });
}

function stream(...parts: string[]): ReadableStream {
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

const text = async (body: Request): Promise<string> =>
  new TextDecoder().decode(await readRequestBody(body, 10));

test("a body is read whole up to its limit, announced or in parts", async () => {
  expect(await text(request("0123456789", { "content-length": "10" }))).toBe("0123456789");
  expect(await text(request(stream("01234", "56789")))).toBe("0123456789");
  expect(await text(request(null))).toBe("");
});

test("a body over its limit is refused, whatever was announced", async () => {
  const refused = { code: "PAYLOAD_TOO_LARGE" };
  await expect(text(request("0123456789x"))).rejects.toMatchObject(refused);
  await expect(text(request("x", { "content-length": "11" }))).rejects.toMatchObject(refused);
  await expect(text(request("0123456789x", { "content-length": "1" }))).rejects.toMatchObject(refused);
  await expect(text(request(stream("01234", "56789", "x")))).rejects.toMatchObject(refused);
});

test("a body that breaks off is the sender's fault", async () => {
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
  await expect(text(request(broken))).rejects.toMatchObject({ code: "BAD_REQUEST" });
});
