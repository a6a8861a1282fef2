import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { createFakeClock } from "../../testing/clock.ts";
import { JournalTester } from "../../testing/journal/tester.ts";
import { createUidSource } from "../../model/uid.ts";
import { createSqliteJournal } from "./driver.ts";
import { openHistory } from "./open-history.ts";
import { createSqlitePlace, type SqlitePlace } from "./place.test-helper.ts";

describe("a damaged SQLite journal", () => {
  const opened: JournalTester[] = [];
  const places: SqlitePlace[] = [];

  async function open(file: string): Promise<JournalTester> {
    const clock = createFakeClock();
    const journal = await createSqliteJournal(file).open({
      clock,
      random: Math.random,
      logger: silentLogger,
    });
    const t = new JournalTester(journal, clock, createUidSource(Math.random));
    opened.push(t);
    return t;
  }

  /** A file with a closed journal of some size. */
  async function filled(): Promise<string> {
    const place = await createSqlitePlace();
    places.push(place);
    const t = await open(place.file);
    for (let i = 0; i < 5; i += 1) await t.emitMany(400, () => ({ data: JSON.stringify("x".repeat(500)) }));
    await t.journal.close();
    return place.file;
  }

  afterEach(async () => {
    for (const { journal } of opened.splice(0)) await journal.close().catch(() => undefined);
    for (const place of places.splice(0)) await place.remove();
  });

  const opens = (file: string, code: string) =>
    expect(open(file)).rejects.toMatchObject({ name: "SluiceError", code });

  it("is reported if it is no database", async () => {
    const file = await filled();
    writeFileSync(file, "this is no database, but long enough to be taken for one ".repeat(100));
    await opens(file, "JOURNAL_DAMAGED");
  });

  it("is reported if it was cut off, however much is left", async () => {
    const file = await filled();
    const { length } = readFileSync(file);
    for (const part of [0.9, 0.5, 0.1]) {
      truncateSync(file, Math.floor((length * part) / 4096) * 4096);
      await opens(file, "JOURNAL_DAMAGED");
    }
  });

  it("is reported if it was emptied", async () => {
    const file = await filled();
    truncateSync(file, 0);
    await opens(file, "JOURNAL_DAMAGED");
  });

  it("is reported if another journal stands in its place", async () => {
    const [file, other] = [await filled(), await filled()];
    copyFileSync(other, file);
    await opens(file, "JOURNAL_DAMAGED");
  });

  it("begins anew once both files were removed", async () => {
    const file = await filled();
    for (const suffix of ["", "-wal", "-shm", "-owner"]) rmSync(file + suffix, { force: true });
    expect((await open(file)).journal.openRuns()).toBe(0);
  });

  it("is never read as a shorter one: a page of zeros is an error, or all rows are there", async () => {
    const file = await filled();
    const whole = readFileSync(file);
    let errors = 0;
    for (let page = 2; page < 60; page += 7) {
      const broken = Buffer.from(whole);
      broken.fill(0, page * 4096, (page + 1) * 4096);
      writeFileSync(file, broken);
      try {
        const t = await open(file);
        const seen = new Set<string>();
        let cursor: string | undefined;
        do {
          const next = await t.journal.history.runs({
            limit: 1_000,
            ...(cursor !== undefined && { cursor }),
          });
          for (const run of next.items) seen.add(run.id);
          cursor = next.next ?? undefined;
        } while (cursor !== undefined);
        expect(seen.size).toBe(2_000);
        await t.journal.close();
      } catch (error) {
        expect(error).toMatchObject({ code: "JOURNAL_DAMAGED" });
        errors += 1;
        await opened
          .at(-1)
          ?.journal.close()
          .catch(() => undefined);
      }
    }
    expect(errors).toBeGreaterThan(0);
  });

  it("is refused if a newer sluice wrote it, or another program", async () => {
    const file = await filled();
    const database = new DatabaseSync(file);
    database.exec("pragma user_version = 999");
    database.close();
    await opens(file, "JOURNAL_VERSION");
    const foreign = new DatabaseSync(`${file}.other`);
    foreign.exec("create table mine(id)");
    foreign.close();
    await opens(`${file}.other`, "JOURNAL_DAMAGED");
  });

  it("goes on if an older sluice wrote it, with all that it holds", async () => {
    const file = await filled();
    const database = new DatabaseSync(file);
    database.exec("alter table runs drop column postponed; pragma user_version = 1");
    database.close();
    const t = await open(file);
    const runs = t.journal.openRuns();
    expect(runs).toBeGreaterThan(0);
    const claim = await t.takeOne();
    expect(claim).toMatchObject({ attempt: 1, postponed: 0 });
    expect(await t.settle(claim)).toBe("settled");
    expect(t.journal.openRuns()).toBe(runs - 1);
  });

  it("is reported if its schema is not the one that was written", async () => {
    const file = await filled();
    const database = new DatabaseSync(file);
    database.exec("alter table strikes drop column marked");
    database.close();
    await opens(file, "JOURNAL_DAMAGED");
  });

  it("is reported if an index leads to fewer open runs than there are", async () => {
    const file = await filled();
    const database = new DatabaseSync(file);
    const counted = database.prepare("update counters set count = count + 1 where kind = 0").run();
    database.close();
    expect(counted.changes).toBe(1);
    await opens(file, "JOURNAL_DAMAGED");
  });

  it("says what is damaged when all of it is read", async () => {
    const file = await filled();
    const healthy = openHistory(file);
    expect(healthy.check()).toEqual([]);
    expect((await healthy.history.counters()).events).toEqual({ orders: 2_000 });
    healthy.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 40 * 4096, 41 * 4096);
    writeFileSync(file, bytes);
    const broken = openHistory(file);
    expect(broken.check().length).toBeGreaterThan(0);
    broken.close();
  });

  it("is not made by reading one that is not there", () => {
    expect(() => openHistory("/nonexistent/journal.db")).toThrow(
      expect.objectContaining({ code: "JOURNAL_IO" }),
    );
  });
});
