import { describe, expect, test } from "vitest";
import { createMemoryJournal } from "../journal/memory/journal.ts";
import { toEventRecord, type EventInit, type EventRecord } from "../model/event.ts";
import { silentLogger } from "../model/logger.ts";
import { createUidSource } from "../model/uid.ts";
import { createFakeClock } from "../testing/clock.ts";
import { Topology } from "../topology/topology.ts";
import { Routing, withHops } from "./routing.ts";

const newUid = createUidSource(Math.random);

function record(init: EventInit = {}): EventRecord {
  return toEventRecord(init, "source", Date.UTC(2026, 0, 1), newUid);
}

function createRouting(ordered: readonly string[] = []) {
  const topology = new Topology();
  topology.addInput({ role: "input", name: "source", type: "custom", reads: [] });
  for (const name of ["a", "b"]) {
    topology.addProcess({ role: "process", name, type: "custom", reads: [], writes: [] });
  }
  const routing = new Routing({
    route: (source) => topology.route(source),
    isOrdered: (process) => ordered.includes(process),
    hopLimit: 3,
  });
  return { topology, routing };
}

describe("an event becomes a run", () => {
  test("for each process that it matches, in the order of the links", () => {
    const { topology, routing } = createRouting();
    topology.addLink({ from: "source", to: "b" });
    topology.addLink({ from: "source", to: "a", operations: ["create"] });
    expect(routing.seeds(record({ operation: "create" }))).toEqual([{ process: "b" }, { process: "a" }]);
    expect(routing.seeds(record({ operation: "update" }))).toEqual([{ process: "b" }]);
  });

  test("without a list of its own where nothing depends on the event", () => {
    const { topology, routing } = createRouting();
    topology.addLink({ from: "source", to: "a" });
    expect(routing.seeds(record())).toBe(routing.seeds(record()));
  });

  test("with a key only for processes that are ordered: the event's own, or its record", () => {
    const { topology, routing } = createRouting(["b"]);
    topology.addLink({ from: "source", to: "a" });
    topology.addLink({ from: "source", to: "b" });
    expect(routing.seeds(record({ location: "orders", id: 7 }))).toEqual([
      { process: "a" },
      { process: "b", key: "orders/7" },
    ]);
    expect(routing.seeds(record({ key: "k" }))[1]).toEqual({ process: "b", key: "k" });
  });

  test("that is dead at once past the hop limit, and not at it", () => {
    const { topology, routing } = createRouting(["b"]);
    topology.addLink({ from: "source", to: "b" });
    expect(routing.seeds(record({ key: "k", cause: { runs: [], hops: 3 } }))).toEqual([
      { process: "b", key: "k" },
    ]);
    expect(routing.seeds(record({ key: "k", cause: { runs: [], hops: 4 } }))).toEqual([
      { process: "b", dead: { code: "HOP_LIMIT", message: expect.stringContaining("limit of 3") } },
    ]);
  });

  test("along the links of now, once it was told that they changed", () => {
    const { topology, routing } = createRouting();
    topology.addLink({ from: "source", to: "a" });
    routing.seeds(record());
    topology.removeLink("source", "a");
    topology.addLink({ from: "source", to: "b" });
    routing.reset();
    expect(routing.seeds(record())).toEqual([{ process: "b" }]);
  });

  test("for no process if its source has no links; of an unknown source it is refused", () => {
    const { routing } = createRouting();
    expect(routing.seeds(record())).toEqual([]);
    expect(() => routing.seeds({ ...record(), trigger: "nobody" })).toThrow(
      expect.objectContaining({ code: "UNKNOWN_NAME" }),
    );
  });
});

describe("hops", () => {
  async function openWork() {
    const clock = createFakeClock();
    const { work } = await createMemoryJournal().open({ clock, random: Math.random, logger: silentLogger });
    return work;
  }

  test("are those of the farthest of the causing runs' events, and one more", async () => {
    const work = await openWork();
    const near = record({ cause: { runs: [], hops: 2 } });
    const far = record({ cause: { runs: [], hops: 9 } });
    await work.commit({ append: [near, far].map((event) => ({ event, runs: [] })) });
    const runs = [`${near.uid}/a`, `${far.uid}/b~2`, "nonsense"];
    const [caused] = await withHops([record({ cause: { runs, hops: 0 } })], work);
    expect(caused?.cause).toEqual({ runs, hops: 10 });
  });

  test("that are known already, or of no run, are left as they are", async () => {
    const work = await openWork();
    const known = record({ cause: { runs: ["x"], hops: 4 } });
    const traced = record({ cause: { runs: [], hops: 0, traceparent: "t" } });
    const uncaused = record();
    expect(await withHops([known, traced, uncaused], work)).toEqual([known, traced, uncaused]);
  });
});
