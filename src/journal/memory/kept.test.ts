import { expect, test } from "vitest";
import { DEAD, JournalTests } from "../../testing/journal/tester.ts";
import { createMemoryPlace } from "./place.test-helper.ts";

const tests = new JournalTests({
  name: "memory:",
  capabilities: { durable: false, shared: false },
  createPlace: createMemoryPlace,
});

test("the last 1,000 events that ended well are remembered, however many came before", async () => {
  const t = await tests.open();
  const uids = await t.emitMany(1_001);
  for (const claim of await t.takeAll()) await t.settle(claim);
  expect(await t.journal.history.event(uids[0] as string)).toBeUndefined();
  expect(await t.journal.history.event(uids[1] as string)).toBeDefined();
  expect((await t.journal.history.counters()).runs["work"]).toEqual({ succeeded: 1_000 });
});

test("a dead run outlives 1,000 that end well after it, and the 10,001st that does not", async () => {
  const t = await tests.open();
  const [first, second] = await t.emitMany(10_000);
  for (const claim of await t.takeAll()) await t.settle(claim, DEAD);
  await t.emitMany(1_001);
  for (const claim of await t.takeAll()) await t.settle(claim);
  expect(await t.journal.history.event(first as string)).toBeDefined();
  await t.emit();
  for (const claim of await t.takeAll()) await t.settle(claim, DEAD);
  expect(await t.journal.history.event(first as string)).toBeUndefined();
  expect(await t.journal.history.event(second as string)).toBeDefined();
});

test("what was told of a record may be stale once an event that came after it is forgotten", async () => {
  const t = await tests.open();
  await t.emit({ id: "early" });
  for (const claim of await t.takeAll()) await t.settle(claim, DEAD);
  await t.emitMany(1_000);
  await t.emit({ id: "late" });
  const stale = async (): Promise<unknown> => {
    const query = { trigger: "orders", location: "raw.orders", ids: ["early", "late"], withData: true };
    return (await t.journal.history.seen(query)).items.map(({ id, mayBeStale }) => [id, mayBeStale]);
  };
  expect(await stale()).toEqual([
    ["late", false],
    ["early", false],
  ]);
  for (const claim of await t.takeAll()) await t.settle(claim);
  expect(await stale()).toEqual([
    ["late", false],
    ["early", true],
  ]);
});

test("a uid that its source gave, and a delivery key, are known long after their events are forgotten", async () => {
  const t = await tests.open();
  const named = t.append();
  const keyed = t.append({ dedupe: "d" });
  const commit = { append: [{ ...named, dedupe: named.event.uid }, keyed] };
  await t.commit(commit);
  for (let round = 0; round < 99; round += 1) {
    await t.commit({
      append: Array.from({ length: 1_000 }, (_, n) => t.append({ to: [], dedupe: `${round}/${n}` })),
    });
  }
  for (const claim of await t.takeAll()) await t.settle(claim);
  await t.emitMany(1_001);
  for (const claim of await t.takeAll()) await t.settle(claim);
  expect(await t.journal.history.event(named.event.uid)).toBeUndefined();
  expect((await t.commit(commit)).append).toEqual([
    { uid: named.event.uid, duplicate: true },
    { uid: keyed.event.uid, duplicate: true },
  ]);
});

test("the uid of a place is known whoever gives it again", async () => {
  const t = await tests.open();
  const uid = "0193c0de-0000-8000-8000-000000000001";
  const first = t.append({ uid });
  await t.commit({ append: [{ ...first, dedupe: uid }] });
  await t.emit();
  for (const dedupe of [uid, undefined, "another"]) {
    const again = t.append({ uid, trigger: "other" });
    const { append } = await t.commit({ append: [dedupe === undefined ? again : { ...again, dedupe }] });
    expect(append).toEqual([{ uid, duplicate: true }]);
  }
});
