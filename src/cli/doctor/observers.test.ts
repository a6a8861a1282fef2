import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { freePort } from "../../../examples/support/free-port.ts";
import type { PipelineLineage } from "../../config/pipeline.ts";
import { checkObservers } from "./observers.ts";
import type { Finding } from "./finding.ts";

function check(lineage: PipelineLineage | null, tracing = false): Promise<readonly Finding[]> {
  return checkObservers({ tracing, lineage, redact: (text) => text });
}

test("of what is not asked for nothing is said", async () => {
  expect(await check(null)).toEqual([]);
});

test("what tracing needs is looked for", async () => {
  expect(await check(null, true)).toMatchObject([{ level: "ok", check: "tracing" }]);
});

test("a receiver of lineage must listen, and its address be allowed", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await check({ url, allowPrivate: true })).toMatchObject([{ level: "ok", check: "lineage" }]);
  expect(await check({ url })).toMatchObject([
    { level: "failed", message: expect.stringContaining("not a public address"), cure: expect.any(String) },
  ]);
  server.close();
  const closed = `http://127.0.0.1:${await freePort()}`;
  expect(await check({ url: closed, allowPrivate: true })).toMatchObject([
    { level: "failed", message: expect.stringContaining("no answer from") },
  ]);
});

test("the folder of a file of lineage must be there", async () => {
  expect(await check({ file: "/tmp/lineage.ndjson" })).toMatchObject([{ level: "ok" }]);
  expect(await check({ file: "/nowhere/lineage.ndjson" })).toMatchObject([{ level: "failed" }]);
});
