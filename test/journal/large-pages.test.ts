import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { untilAborted } from "../../src/model/clock.ts";

const MEBIBYTE = 1_024 * 1_024;
const COUNT = 12;
const data = "x".repeat(MEBIBYTE);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-pages-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([["memory:"], ["sqlite:"]])(
  "a page of the %s journal ends where its payloads are too much for one answer, and nothing is left out",
  async (kind) => {
    const journal = kind === "memory:" ? kind : `sqlite:${join(folder, "journal.db")}`;
    await using orchestrator = new Orchestrator({ journal });
    const source = orchestrator.addInput({
      name: "source",
      handle: ({ signal }) => untilAborted(signal),
    });
    const fan = orchestrator.addProcess({
      name: "fan",
      async run(_event, { emit }) {
        for (let id = 0; id < COUNT; id += 1) emit({ id, data });
      },
    });
    orchestrator.addLink(source, fan);
    await orchestrator.start();
    const { uid } = await orchestrator.emit("source", { id: "first" });
    await orchestrator.settled(uid);

    for (const oldestFirst of [false, true]) {
      const seen: string[] = [];
      let pages = 0;
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await orchestrator.history.events({
          limit: 1_000,
          oldestFirst,
          ...(cursor !== undefined && { cursor }),
        });
        expect(JSON.stringify(page.items).length).toBeLessThan(9 * MEBIBYTE);
        seen.push(...page.items.map(({ id }) => id));
        pages += 1;
        cursor = page.next;
      }
      const all = ["first", ...Array.from({ length: COUNT }, (_, id) => String(id))];
      expect(seen).toEqual(oldestFirst ? all : all.toReversed());
      expect(pages).toBe(2);
    }
    const journey = await orchestrator.history.journey(uid);
    expect(journey?.caused.map(({ id }) => id)).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
  },
);
