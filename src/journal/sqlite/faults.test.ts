import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { createUidSource } from "../../model/uid.ts";
import { createFakeClock } from "../../testing/clock.ts";
import { expectCode, JournalTester } from "../../testing/journal/tester.ts";
import { createSqliteJournal } from "./driver.ts";
import { armFault, createFaults, type FaultPoint } from "./faults.ts";
import { createSqlitePlace, type SqlitePlace } from "./place.test-helper.ts";

describe("a SQLite journal whose disk fails", () => {
  const opened: JournalTester[] = [];
  const places: SqlitePlace[] = [];

  async function open(maxSize?: number): Promise<{ t: JournalTester; faults: Int32Array }> {
    const place = await createSqlitePlace();
    places.push(place);
    const faults = createFaults();
    const clock = createFakeClock();
    const driver = createSqliteJournal(place.file, {
      faults,
      retention: maxSize === undefined ? {} : { maxSize },
    });
    const journal = await driver.open({ clock, random: Math.random, logger: silentLogger });
    const t = new JournalTester(journal, clock, createUidSource(Math.random));
    opened.push(t);
    return { t, faults };
  }

  afterEach(async () => {
    for (const { journal } of opened.splice(0)) await journal.close();
    for (const place of places.splice(0)) await place.remove();
  });

  for (const point of ["begin", "write", "commit"] as FaultPoint[]) {
    it(`tells its callers that there is no space at "${point}", keeps nothing, and goes on afterwards`, async () => {
      const { t, faults } = await open();
      await t.emit();
      const claim = await t.takeOne();
      armFault(faults, point, "full");
      const results = await Promise.allSettled([t.emit(), t.settle(claim), t.emit()]);
      expect(results.map((result) => (result as PromiseRejectedResult).reason?.code)).toEqual(
        Array(3).fill("JOURNAL_FULL"),
      );
      expect(t.journal.health()).toMatchObject({ ok: false, error: { code: "JOURNAL_FULL" } });
      expect(t.changes).toContainEqual(expect.objectContaining({ type: "unhealthy" }));
      expect(await t.settle(claim)).toBe("settled");
      expect(t.journal.health()).toEqual({ ok: true });
      expect(t.changes.at(-2)?.type === "healthy" || t.changes.at(-1)?.type === "healthy").toBe(true);
      const uid = await t.emit();
      expect((await t.takeNow()).map((one) => one.event.uid)).toEqual([uid]);
      expect(await t.journal.history.counters()).toEqual({
        oldest: expect.anything(),
        events: { orders: 2 },
        runs: { work: { succeeded: 1, running: 1 } },
      });
    });

    it(`opens the file anew when reading or writing fails at "${point}"`, async () => {
      const { t, faults } = await open();
      const before = await t.emit();
      armFault(faults, point, "io");
      await expectCode(t.emit(), "JOURNAL_IO");
      expect(t.journal.health().ok).toBe(false);
      const after = await t.emit();
      expect(t.journal.health()).toEqual({ ok: true });
      expect((await t.takeNow()).map((claim) => claim.event.uid)).toEqual([before, after]);
      expect(t.journal.openRuns()).toBe(2);
    });
  }

  it("acknowledges a commit that failed too late: it is found on the disk", async () => {
    const { t, faults } = await open();
    armFault(faults, "committed", "io");
    const uid = await t.emit();
    expect((await t.takeNow()).map((claim) => claim.event.uid)).toEqual([uid]);
    expect(await t.journal.history.counters()).toMatchObject({ events: { orders: 1 } });
  });

  it("hands out nothing twice after the file was opened anew", async () => {
    const { t, faults } = await open();
    const uids = await t.emitMany(20);
    const claims = await t.take("work", 5);
    armFault(faults, "commit", "io");
    await expectCode(t.settle(claims[0]!), "JOURNAL_IO");
    expect(await t.settle(claims[0]!)).toBe("settled");
    expect((await t.takeNow()).map((claim) => claim.event.uid)).toEqual(uids.slice(5));
  });

  it("reads again what could not be read, though nothing is written meanwhile, and hands out nothing twice", async () => {
    const { t, faults } = await open();
    const uids = await t.emitMany(5_000);
    const first = await t.take("work", 4_000);
    armFault(faults, "read", "io");
    const taken = [...first, ...(await t.take("work", 96))].map((claim) => claim.event.uid);
    while (t.journal.health().ok) await new Promise((resolve) => setImmediate(resolve));
    await t.clock.advance(1_000);
    while (taken.length < uids.length)
      for (const claim of await t.take("work", 1_000)) taken.push(claim.event.uid);
    expect(taken).toEqual(uids);
  });

  it("fails only the commit that cannot be written, of several that are under way together", async () => {
    const { t } = await open();
    const good = () => t.commit({ append: [t.append()] });
    const bad = () => t.commit({ append: [t.append(), t.append({ time: Number.NaN })] });
    const results = await Promise.allSettled([good(), bad(), good(), bad(), good()]);
    const codes = results.map(
      (result) => (result as PromiseRejectedResult).reason?.code as string | undefined,
    );
    expect(codes).toEqual([undefined, "INVALID_EVENT", undefined, "INVALID_EVENT", undefined]);
    expect(await t.takeNow()).toHaveLength(3);
    expect(t.journal.health()).toEqual({ ok: true });
    expect(await t.journal.history.counters()).toEqual({
      oldest: expect.anything(),
      events: { orders: 3 },
      runs: { work: { running: 3 } },
    });
  });

  it("names a process that was first heard of in a commit that failed", async () => {
    const { t, faults } = await open();
    armFault(faults, "commit", "full");
    await expectCode(t.emit({ trigger: "new", to: ["brand-new"] }), "JOURNAL_FULL");
    await t.emit({ trigger: "new", to: ["brand-new"] });
    expect(await t.journal.history.counters()).toEqual({
      oldest: expect.anything(),
      events: { new: 1 },
      runs: { "brand-new": { queued: 1 } },
    });
  });

  it("refuses events at its largest size while settling goes on, and takes them again when there is room", async () => {
    const { t } = await open(400_000);
    const big = { data: JSON.stringify("x".repeat(20_000)) };
    let refused = 0;
    for (let i = 0; i < 40 && refused === 0; i += 1) {
      await t.emit(big).catch((error: { code: string }) => {
        expect(error.code).toBe("JOURNAL_FULL");
        refused += 1;
      });
    }
    expect(refused).toBe(1);
    expect(t.journal.health()).toEqual({ ok: true });
    const claims = await t.takeAll();
    await t.commit({ settle: claims.map((claim) => t.outcome(claim)) });
    await expectCode(t.emit(big), "JOURNAL_FULL");
    await t.clock.advance(8 * 86_400_000);
    for (let i = 0; i < 4; i += 1) await t.commit({ state: [{ owner: "a", key: "b", value: "1" }] });
    await t.emit(big);
  });
});
