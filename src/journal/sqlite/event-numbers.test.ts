import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { createUidSource } from "../../model/uid.ts";
import { createFakeClock } from "../../testing/clock.ts";
import { JournalTester } from "../../testing/journal/tester.ts";
import { createSqliteJournal } from "./driver.ts";
import { createSqlitePlace } from "./place.test-helper.ts";
import { SEQ_COUNTER } from "./writer/counters.ts";

it("a journal from before numbers of events were counted goes on after its last event", async () => {
  const place = await createSqlitePlace();
  const clock = createFakeClock();
  const open = async (): Promise<JournalTester> => {
    const surroundings = { clock, random: Math.random, logger: silentLogger };
    const journal = await createSqliteJournal(place.file).open(surroundings);
    return new JournalTester(journal, clock, createUidSource(Math.random));
  };
  try {
    const before = await open();
    const uids = await before.emitMany(3);
    await before.journal.close();
    const database = new DatabaseSync(place.file);
    const { changes } = database.prepare("delete from counters where kind = ?").run(SEQ_COUNTER);
    expect(changes).toBe(1);
    database.close();

    const after = await open();
    const uid = await after.emit();
    const { items } = await after.journal.history.events({ limit: 10 });
    expect(items.map((event) => event.uid)).toEqual([uid, ...uids.toReversed()]);
    await after.journal.close();
  } finally {
    await place.remove();
  }
});
