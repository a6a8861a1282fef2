import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { createUidSource } from "../../model/uid.ts";
import { createFakeClock } from "../../testing/clock.ts";
import { JournalTester, seeded } from "../../testing/journal/tester.ts";
import { createSqlitePlace, type SqlitePlace } from "./place.test-helper.ts";
import { SEQ_COUNTER } from "./writer/counters.ts";

async function open({ driver }: SqlitePlace, life: number): Promise<JournalTester> {
  const clock = createFakeClock();
  const journal = await driver().open({ clock, random: seeded(life), logger: silentLogger });
  return new JournalTester(journal, clock, createUidSource(seeded(life)));
}

test("a process whose few runs lie millions of events back is found page by page, and no page looks at all of them", async () => {
  const place = await createSqlitePlace();
  try {
    const before = await open(place, 1);
    const old = await before.emit({ to: ["sparse"] });
    await before.journal.close();
    // As if millions of events had come and gone in between.
    const database = new DatabaseSync(place.file);
    database.prepare("update counters set count = 5000000 where kind = ?").run(SEQ_COUNTER);
    database.close();
    const t = await open(place, 2);
    await t.emitMany(3, () => ({ to: ["work"] }));
    const found: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined; ;) {
      const query = { process: "sparse", ...(cursor !== undefined && { cursor }) };
      const page = await t.journal.history.runs(query);
      pages += 1;
      found.push(...page.items.map(({ id }) => id));
      if (page.next === null) break;
      cursor = page.next;
    }
    expect(found).toEqual([`${old}/sparse`]);
    expect(pages).toBe(2);
    const { items, next } = await t.journal.history.runs({ limit: 3 });
    expect([items.length, next === null]).toEqual([3, false]);
    await t.journal.close();
  } finally {
    await place.remove();
  }
});
