import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { formatRunId } from "../../model/run.ts";
import { createUidSource } from "../../model/uid.ts";
import { createFakeClock } from "../../testing/clock.ts";
import { DEAD, FAILURE, JournalTester } from "../../testing/journal/tester.ts";
import type { Retention } from "../journal.ts";
import { createSqliteJournal } from "./driver.ts";
import { createSqlitePlace, type SqlitePlace } from "./place.test-helper.ts";

const HOUR = 3_600_000;
const KEEP: Retention = { succeeded: "1h", dead: "10h", dedupe: "1h" };

describe("what a SQLite journal keeps", () => {
  const opened: JournalTester[] = [];
  const places: SqlitePlace[] = [];
  const warnings: object[] = [];

  async function open(retention: Retention = KEEP): Promise<JournalTester> {
    const place = await createSqlitePlace();
    places.push(place);
    const clock = createFakeClock();
    const logger = { ...silentLogger, warn: (fields: object) => warnings.push(fields) };
    const journal = await createSqliteJournal(place.file, { retention }).open({
      clock,
      random: Math.random,
      logger,
    });
    const t = new JournalTester(journal, clock, createUidSource(Math.random));
    opened.push(t);
    return t;
  }

  /** Pruning goes a little way with each commit. */
  async function commitSome(t: JournalTester, times = 5): Promise<void> {
    for (let i = 0; i < times; i += 1) await t.commit({ state: [{ owner: "a", key: "b", value: "1" }] });
  }

  afterEach(async () => {
    warnings.length = 0;
    for (const { journal } of opened.splice(0)) await journal.close();
    for (const place of places.splice(0)) await place.remove();
  });

  it("forgets what succeeded after its time, with all that belongs to it", async () => {
    const t = await open();
    const uid = await t.emit({ dedupe: "d" });
    const claim = await t.takeOne();
    await t.commit({ settle: [t.outcome(claim)], logs: [{ claim, time: 0, stream: "log", text: "x" }] });
    await t.clock.advance(HOUR - 1);
    await commitSome(t);
    expect(await t.journal.history.event(uid)).toBeDefined();
    await t.clock.advance(2);
    await commitSome(t);
    expect(await t.journal.history.event(uid)).toBeUndefined();
    expect(await t.journal.history.counters()).toEqual({
      oldest: expect.anything(),
      events: { orders: 1 },
      runs: {},
    });
    expect(warnings).toEqual([]);
  });

  it("forgets what ended a while after it came as soon as its own time is over", async () => {
    const t = await open();
    const [slow, quick] = await t.emitMany(2);
    const claims = await t.take("work", 2);
    await t.settle(claims[1]!);
    await t.clock.advance(10_000);
    await t.settle(claims[0]!);
    await t.clock.advance(HOUR - 5_000);
    await commitSome(t);
    expect(await t.journal.history.event(slow as string)).toBeDefined();
    await t.clock.advance(5_001);
    await commitSome(t);
    expect(await t.journal.history.event(slow as string)).toBeUndefined();
    expect(await t.journal.history.event(quick as string)).toBeUndefined();
  });

  it("keeps dead runs for longer, and announces that they expire", async () => {
    const t = await open();
    const uid = await t.emit();
    await t.settle(await t.takeOne(), DEAD);
    await t.clock.advance(9 * HOUR);
    await commitSome(t);
    expect(await t.stateOf(uid)).toBe("dead");
    await t.clock.advance(2 * HOUR);
    await commitSome(t);
    expect(await t.stateOf(uid)).toBeUndefined();
    expect(warnings).toContainEqual(
      expect.objectContaining({ process: "work", code: "RUN_FAILED", count: 1 }),
    );
    expect(await t.journal.history.deadLetters()).toEqual([]);
  });

  it("keeps what is open for ever, and events beside it go all the same", async () => {
    const t = await open();
    const uids = await t.emitMany(5);
    const claims = await t.take("work", 5);
    for (const claim of claims.filter((_, index) => index !== 2)) await t.settle(claim);
    await t.clock.advance(1_000 * HOUR);
    await commitSome(t);
    const left = await Promise.all(uids.map((uid) => t.stateOf(uid)));
    expect(left).toEqual([undefined, undefined, "running", undefined, undefined]);
    expect(await t.settle(claims[2]!)).toBe("settled");
    await t.clock.advance(HOUR + 1);
    await commitSome(t);
    expect(await t.stateOf(uids[2] as string)).toBeUndefined();
  });

  it("keeps an event whose delivery must still be known", async () => {
    const t = await open({ succeeded: "1h", dedupe: "5h" });
    const uid = await t.emit({ dedupe: "d" });
    await t.settle(await t.takeOne());
    await t.clock.advance(4 * HOUR);
    await commitSome(t);
    expect((await t.commit({ append: [t.append({ dedupe: "d" })] })).append).toEqual([
      { uid, duplicate: true },
    ]);
  });

  it("keeps pace with what comes in", async () => {
    const t = await open();
    for (let i = 0; i < 6; i += 1) {
      await t.emitMany(500);
      for (;;) {
        const claims = await t.takeNow("work", 500);
        if (claims.length === 0) break;
        await t.commit({ settle: claims.map((claim) => t.outcome(claim)) });
      }
      await t.clock.advance(HOUR);
    }
    await t.emitMany(500);
    await t.emitMany(500);
    const { runs } = await t.journal.history.counters();
    expect(runs["work"]?.succeeded ?? 0).toBeLessThanOrEqual(1_000);
  });

  it("lets a key go on whose blocking dead run has expired", async () => {
    const t = await open();
    const keyed = { key: "k", to: [{ process: "work", key: "k" }] };
    const [, second] = await t.emitMany(2, () => keyed);
    await t.settle(await t.takeOne(), { type: "dead", error: FAILURE, block: true });
    expect(await t.takeNow()).toEqual([]);
    await t.clock.advance(11 * HOUR);
    await commitSome(t);
    expect((await t.takeNow()).map((claim) => claim.event.uid)).toEqual([second]);
  });

  it("does not take a replayed run for one that is over", async () => {
    const t = await open();
    const uid = await t.emit();
    await t.settle(await t.takeOne(), DEAD);
    await t.clock.advance(9 * HOUR);
    await t.control({ type: "replay", run: formatRunId(uid, "work") });
    await t.clock.advance(9 * HOUR);
    await commitSome(t);
    expect(await t.takeNow()).toHaveLength(1);
  });
});
