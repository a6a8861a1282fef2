import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { workspace, type Workspace } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";

const block = guideBlocks("alerts.md");
const PATIENCE = { timeout: 15_000 };

let told: unknown[];
let receiver: Server;
let url: string;
let space: Workspace;
beforeEach(async () => {
  told = [];
  receiver = createServer((request, response) => {
    void json(request)
      .then((body) => told.push(body))
      .finally(() => response.end("ok"));
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  space = workspace(block("sluice.toml"));
  space.write("land.ts", block("land.ts"));
});
afterEach(async () => {
  await space.remove();
  receiver.closeAllConnections();
  receiver.close();
});

const SENTENCE = /^shop: (a|\d+) runs? of "land" died: the total -\d is negative$/;

/** How many runs have been told of. */
function deaths(): number {
  const counts = told.map((alert) => SENTENCE.exec((alert as { text: string }).text)?.[1]);
  return counts.reduce((sum, count) => sum + (count === "a" ? 1 : Number(count)), 0);
}

/** Orders with a negative total: their runs die. */
async function fail(...totals: readonly number[]): Promise<void> {
  const sent = totals.map((total) => space.api("POST", "inputs/orders/events", { data: { total } }));
  await Promise.all(sent);
}

test("the guide has a pipeline that tells a receiver of its dead runs", { timeout: 60_000 }, async () => {
  const running = await space.run({ env: { ALERT_URL: url } });
  await fail(-1, -2, -3);
  // A look may fall between their deaths: then it takes two alerts to tell of all three.
  await expect.poll(deaths, PATIENCE).toBe(3);
  for (const alert of told) expect(alert).toEqual({ text: expect.stringMatching(SENTENCE) });
  const { text } = JSON.parse(block("told.json")) as { text: string };
  expect(text).toMatch(SENTENCE);
  expect((await running.stop()).code).toBe(0);
});

test("what died just before a kill, untold, is told after it, once", { timeout: 60_000 }, async () => {
  space.write("sluice.toml", block("sluice.toml").replace('every = "1s"', 'every = "1h"'));
  const killed = await space.run({ env: { ALERT_URL: url } });
  await fail(-1);
  const dead = async (): Promise<number> => {
    const { items } = await space.api<{ items: unknown[] }>("GET", "runs?state=dead");
    return items.length;
  };
  await expect.poll(dead, PATIENCE).toBe(1);
  await killed.stop("SIGKILL");
  expect(told).toEqual([]);

  space.write("sluice.toml", block("sluice.toml"));
  const running = await space.run({ env: { ALERT_URL: url } });
  await expect.poll(deaths, PATIENCE).toBe(1);
  await running.stop();
  // The next start looks at once, too, and has nothing to tell but what dies then.
  const again = await space.run({ env: { ALERT_URL: url } });
  await fail(-7);
  await expect.poll(deaths, PATIENCE).toBe(2);
  await again.stop();
});
