import { spawn } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { until, workspace } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";
import { openReceiver } from "../support/receiver.ts";

const block = guideBlocks("webhooks.md");
const SECRET = `whsec_${Buffer.from("thirty-two bytes that nobody knows").toString("base64")}`;

test("the guide's pipeline takes signed orders and tells the CRM of each", { timeout: 60_000 }, async () => {
  await using crm = await openReceiver((response, { url }) => {
    const token = { access_token: "a-token", token_type: "Bearer", expires_in: 3_600 };
    response.writeHead(url === "/token" ? 200 : 201).end(url === "/token" ? JSON.stringify(token) : "noted");
  });
  const port = await freePort();
  const space = workspace(block("sluice.toml"));
  try {
    space.write("send.ts", block("send.ts"));
    const env = {
      HOOKS_PORT: String(port),
      SHOP_SECRET: SECRET,
      CRM_URL: crm.url.slice(0, -1),
      CRM_SECRET: "the-secret-of-the-crm",
    };
    const running = await space.run({ env });
    const send = (secret: string): Promise<string> => {
      const body = `{"action":"create","order":{"id":"o-7","total":12.5}}`;
      const argv = [join(space.folder, "send.ts"), `http://127.0.0.1:${port}/hooks/orders`, secret, body];
      return text(spawn(process.execPath, argv).stdout);
    };
    expect(await send(SECRET)).toMatch(/^202 \{"uid":"[0-9a-f-]{36}"\}\n$/);
    expect(await send(`whsec_${Buffer.from("another secret").toString("base64")}`)).toMatch(/^401 /);
    await until(async () => crm.got.some(({ url }) => url === "/orders"));
    const [, order] = crm.got;
    expect(JSON.parse(order?.body ?? "")).toEqual({ reference: "o-7", amount: 12.5, source: "shop" });
    expect(order?.headers).toMatchObject({ authorization: "Bearer a-token" });
    await until(async () => {
      const { items } = await space.json<{ items: { state: string }[] }>(["runs"]);
      return items[0]?.state === "succeeded";
    });
    expect((await running.stop()).code).toBe(0);
  } finally {
    await space.remove();
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
