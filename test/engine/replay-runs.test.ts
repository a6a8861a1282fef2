import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { JournalDriver } from "../../src/journal/journal.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { journalFrom } from "../../src/journal/open.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { listener } from "../support/engine.ts";

/** More than a page of runs, of so many keys in turn. */
const COUNT = 1_200;
const KEYS = 60;

function createSqliteJournal(): JournalDriver {
  const folder = mkdtempSync(join(tmpdir(), "sluice-replay-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return journalFrom(`sqlite:${join(folder, "journal.db")}`);
}

describe.each<[string, () => JournalDriver]>([
  ["in memory", createMemoryJournal],
  ["on disk", createSqliteJournal],
])("a bulk replay of more than a page, with the journal %s", (_, createJournal) => {
  /** An orchestrator that is about to be stopped, with `COUNT` events each of which had a run that died. */
  async function createWithDead() {
    const orchestrator = new Orchestrator({ journal: createJournal() });
    onTestFinished(() => orchestrator.stop());
    const seen: { key: string; id: number }[] = [];
    let behaviour: (id: number) => Promise<unknown> | undefined = () => Promise.reject(new Error("broken"));
    orchestrator.addInput(listener("source"));
    orchestrator.addProcess(
      {
        name: "work",
        async run({ key, id }) {
          seen.push({ key, id: Number(id) });
          await behaviour(Number(id));
        },
      },
      { order: "key", concurrency: KEYS, retry: { attempts: 1 } },
    );
    orchestrator.addLink("source", "work");
    await orchestrator.start();
    const emit = (id: number) => orchestrator.emit("source", { id, key: String(id % KEYS) });
    await Promise.all(Array.from({ length: COUNT }, (_, id) => emit(id)));
    await orchestrator.idle();
    seen.length = 0;
    const idsOf = (key: string): readonly number[] =>
      seen.filter((one) => one.key === key).map(({ id }) => id);
    const become = (other: typeof behaviour): void => void (behaviour = other);
    return { orchestrator, seen, idsOf, emit, become };
  }

  test("begins the runs of a key in the order in which their events came", async () => {
    const { orchestrator, idsOf, become } = await createWithDead();
    become(() => undefined);
    const report = await orchestrator.replayAll({ state: "dead", input: "source" });
    expect(report).toEqual({ matched: COUNT, replayed: COUNT });
    await orchestrator.idle();
    for (let key = 0; key < KEYS; key += 1) {
      const ids = idsOf(String(key));
      expect(ids).toHaveLength(COUNT / KEYS);
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    }
  });

  test("leaves what comes in meanwhile, and ends", async () => {
    const { orchestrator, seen, emit, become } = await createWithDead();
    let more = COUNT;
    become(async (id) => {
      if (id < COUNT) await emit(more++);
      throw new Error("broken");
    });
    const report = await orchestrator.replayAll({ state: "dead" });
    expect(report).toEqual({ matched: COUNT, replayed: COUNT });
    await orchestrator.idle();
    const ids = seen.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(2 * COUNT);
  });

  test("can be given up: what was replayed by then is kept", async () => {
    const { orchestrator, seen, become } = await createWithDead();
    become(() => undefined);
    const ending = new AbortController();
    const replay = orchestrator.replayAll(
      { state: "dead" },
      {},
      { signal: ending.signal, onProgress: ({ done }) => done >= 750 && ending.abort() },
    );
    await expect(replay).rejects.toMatchObject({ code: "SHUTDOWN" });
    await orchestrator.idle();
    expect(seen.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([...Array(750).keys()]);
    expect((await orchestrator.replayAll({ state: "dead" })).matched).toBe(COUNT - 750);
  });
});

test("the runs that a bulk replay makes of succeeded ones are not replayed in their turn", async () => {
  await using orchestrator = new Orchestrator({ journal: createSqliteJournal() });
  const seen: string[] = [];
  orchestrator.addInput(listener("source"));
  // Of each event so many runs that every page ends within the runs of one.
  const processes = ["one", "two", "three"];
  for (const name of processes) {
    orchestrator.addProcess({ name, run: ({ id }) => void seen.push(`${name} ${id}`) });
    orchestrator.addLink("source", name);
  }
  await orchestrator.start();
  await Promise.all(Array.from({ length: 700 }, (_, id) => orchestrator.emit("source", { id })));
  await orchestrator.idle();
  seen.length = 0;
  const report = await orchestrator.replayAll({ state: "succeeded" }, { rate: "20000/s" });
  expect(report).toEqual({ matched: 2_100, replayed: 2_100 });
  await orchestrator.idle();
  expect(new Set(seen).size).toBe(2_100);
  expect(seen).toHaveLength(2_100);
});
