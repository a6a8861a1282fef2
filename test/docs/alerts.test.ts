import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { expect, test } from "vitest";
import { workspace } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";

const block = guideBlocks("alerts.md");

test(
  'the guide "Alerts" has a pipeline that tells a receiver of its dead runs, once',
  { timeout: 30_000 },
  async () => {
    const told: unknown[] = [];
    const receiver = createServer((request, response) => {
      void json(request)
        .then((body) => told.push(body))
        .finally(() => response.end("ok"));
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const { port } = receiver.address() as AddressInfo;
    const space = workspace(block("sluice.toml"));
    try {
      space.write("land.ts", block("land.ts"));
      const running = await space.run({ env: { ALERT_URL: `http://127.0.0.1:${port}/` } });
      // All three die within one look, which comes each second: they are told of together, or it is seen that they are not.
      const sent = [-1, -2, -3].map((total) =>
        space.api("POST", "inputs/orders/events", { data: { total } }),
      );
      await Promise.all(sent);
      await expect.poll(() => countIn(told), { timeout: 10_000 }).toBe(3);
      for (const alert of told) expect(alert).toEqual({ text: expect.stringMatching(SENTENCE) });
      const { text } = JSON.parse(block("told.json")) as { text: string };
      expect(text).toMatch(SENTENCE);
      expect((await running.stop()).code).toBe(0);
    } finally {
      await space.remove();
      receiver.close();
    }
  },
);

const SENTENCE = /^shop: (a|\d+) runs? of "land" died: the total -\d is negative$/;

function countIn(told: readonly unknown[]): number {
  const counts = told.map((alert) => SENTENCE.exec((alert as { text: string }).text)?.[1]);
  return counts.reduce((sum, count) => sum + (count === "a" ? 1 : Number(count)), 0);
}
