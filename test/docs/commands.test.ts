import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { guideBlocks } from "../support/guide.ts";
import { until, workspace } from "../support/cli.ts";

interface Journey {
  readonly event: { readonly location: string; readonly data: unknown };
  readonly runs: readonly { readonly id: string; readonly state: string }[];
  readonly caused: readonly { readonly uid: string }[];
}

test(
  'the guide "Commands" has a pipeline that runs, in Python and in shell',
  { timeout: 60_000 },
  async () => {
    const block = guideBlocks("commands.md");
    const space = workspace(block("sluice.toml"));
    try {
      for (const file of ["price.py", "archive.sh"]) space.write(file, block(file));
      const running = await space.run();
      const items = [
        { price: 3, count: 2 },
        { price: 1.5, count: 1 },
      ];
      const { uid } = await space.api<{ uid: string }>("POST", "inputs/orders/events", {
        id: "o-1",
        data: { items },
      });
      const journey = (of: string): Promise<Journey> => space.api("GET", `events/${of}`);
      await until(async () => (await journey(uid)).runs[0]?.state === "succeeded");
      const priced = (await journey(uid)).caused[0]?.uid ?? "";
      await until(async () => (await journey(priced)).runs[0]?.state === "succeeded");

      const { event, runs } = await journey(priced);
      expect(event).toMatchObject({ location: "priced", data: { total: 7.5, currency: "EUR" } });
      const archived = `archive-${runs[0]?.id.replaceAll("/", "-")}.json`;
      expect(JSON.parse(readFileSync(join(space.folder, archived), "utf8"))).toMatchObject({ id: "o-1" });
      const run = encodeURIComponent(`${uid}/price`);
      const logs = await space.api<{ items: { stream: string; text: string }[] }>("GET", `runs/${run}/logs`);
      expect(logs.items.map(({ stream, text }) => `${stream}: ${text}`)).toEqual(
        expect.arrayContaining(["progress: 2/2", "stdout: order o-1 costs 7.5"]),
      );
      expect((await running.stop()).code).toBe(0);
    } finally {
      await space.remove();
    }
  },
);
