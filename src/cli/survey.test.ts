import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createClient, type Client } from "./client.ts";
import { describeProgress, runSurvey } from "./survey.ts";
import { overNetwork } from "./transport.ts";

/** Of a server that answers every survey so. */
async function clientOf(answer: (response: ServerResponse) => void): Promise<Client> {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    answer(response);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createClient({ where: url, url, fetch: overNetwork() });
}

test("the report is what the last line holds, wherever the network cuts", async () => {
  const client = await clientOf((response) => {
    response.write('{"progress":null}\n{"repo');
    setImmediate(() => response.end('rt":{"tables":["größe"]}}\n'));
  });
  expect(await runSurvey(client, "inputs/orders/backfill", {})).toEqual({ tables: ["größe"] });
});

test("what it failed with is thrown with its code", async () => {
  const client = await clientOf((response) =>
    response.end('{"progress":null}\n{"error":{"code":"INVALID_OPTIONS","message":"no such table"}}\n'),
  );
  await expect(runSurvey(client, "inputs/orders/backfill", {})).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    message: "no such table",
  });
});

test.each<[string, (response: ServerResponse) => void]>([
  ["ends", (response) => response.end()],
  ["is cut off", (response) => response.destroy()],
  ["is cut off within a line", (response) => response.end('{"repo')],
])("an answer that %s before its report says how to go on", async (_, leave) => {
  const client = await clientOf((response) => {
    response.write('{"progress":{"location":"raw.orders","done":1,"total":4}}\n', () => leave(response));
  });
  await expect(runSurvey(client, "inputs/orders/backfill", {})).rejects.toMatchObject({
    code: "NETWORK",
    message: expect.stringContaining("try again to go on"),
  });
});

test.each([
  [1_000, 4_000, "raw.orders  [######------------------]  25%  1,000 of about 4,000 rows"],
  [4_000, 4_000, "raw.orders  [########################]  100%  4,000 of 4,000 rows"],
  [5_000, 4_000, "raw.orders  [########################]  100%  5,000 of 5,000 rows"],
  [0, 0, "raw.orders  [########################]  100%  0 of 0 rows"],
  [1_000, null, "raw.orders  1,000 rows, 2 s"],
])("of %j rows of %j is told as a bar, as far as the whole is known", (done, total, line) => {
  expect(describeProgress({ location: "raw.orders", done, total }, 2_000)).toBe(line);
});
