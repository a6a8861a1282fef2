import { describe, expect, test } from "vitest";
import { createMemoryJournal } from "../journal/memory/journal.ts";
import type { JournalDriver } from "../journal/journal.ts";
import type { ProcessSettings } from "../model/component.ts";
import { createFakeClock } from "../testing/clock.ts";
import { createSignal, type Signal } from "../testing/signal.ts";
import { runDied } from "./diagnostics.ts";
import { Orchestrator } from "./orchestrator.ts";

interface Planned {
  readonly id: string;
  readonly strikes?: number;
  readonly process?: string;
}

/**
 * A journal that was not closed cleanly, with these events of an earlier life open: suspects all of them. Which run
 * is marked when is kept in `marked`.
 */
function createCrashedJournal(planned: readonly Planned[]) {
  const marked: string[] = [];
  const driver: JournalDriver = {
    location: "memory:",
    async open(surroundings) {
      const journal = await createMemoryJournal().open(surroundings);
      let isAdmitted = false;
      const uids = planned.map((_, i) => `00000000-0000-7000-8000-${String(i).padStart(12, "0")}`);
      for (const [i, { id, process = "work" }] of planned.entries()) {
        const rest = { trigger: "source", location: "l", operation: "create", key: null } as const;
        const event = {
          ...rest,
          uid: uids[i] as string,
          id,
          time: 0,
          data: null,
          headers: null,
          cause: null,
        };
        await journal.work.commit({ append: [{ event, runs: [{ process }] }] });
      }
      return {
        ...journal,
        stoppedCleanly: false,
        work: {
          ...journal.work,
          suspects: async () =>
            planned.map(({ process = "work", strikes = 1 }, i) => ({
              run: i + 1,
              id: `${uids[i]}/${process}`,
              process,
              strikes,
            })),
          async takeSuspect(run) {
            const { id, process = "work" } = planned[Number(run) - 1] as Planned;
            marked.push(id);
            return (await journal.work.take(process, 1, AbortSignal.abort()))[0] ?? claim(process);
          },
          async admit() {
            isAdmitted = true;
            marked.push("admitted");
          },
          async take(process, atMost, signal) {
            if (!isAdmitted) throw new Error("taken before the suspects were admitted");
            return journal.work.take(process, atMost, signal);
          },
        },
      };
      async function claim(process: string) {
        return (await journal.work.take(process, 1, new AbortController().signal))[0];
      }
    },
  };
  return { driver, marked };
}

function createPipeline(
  planned: readonly Planned[],
  disabled = false,
  settings: ProcessSettings = {},
  open?: () => Promise<void>,
) {
  const { driver, marked } = createCrashedJournal(planned);
  const clock = createFakeClock();
  const orchestrator = new Orchestrator({ journal: driver, clock });
  const begun: string[] = [];
  const gates = new Map<string, Signal>();
  const errors: string[] = [];
  orchestrator.onError((error) => void errors.push(error.code));
  orchestrator.addInput({ name: "source", handle: async () => undefined });
  orchestrator.addProcess(
    {
      name: "work",
      ...(open !== undefined && { open }),
      async run({ id }) {
        begun.push(id);
        const gate = createSignal();
        gates.set(id, gate);
        await gate.wait();
      },
    },
    { enabled: !disabled, concurrency: 4, ...settings },
  );
  orchestrator.addLink("source", "work");
  return { orchestrator, clock, marked, begun, gates, errors };
}

describe("after an unclean stop", () => {
  test("suspects start one at a time, each marked before it starts and only once the last one's end is durable", async () => {
    const { orchestrator, clock, marked, begun, gates } = createPipeline([
      { id: "1" },
      { id: "2" },
      { id: "3" },
    ]);
    await orchestrator.start();
    for (const id of ["1", "2", "3"]) {
      await clock.advance(0);
      expect(begun.at(-1)).toBe(id);
      expect(marked.at(-1)).toBe(id);
      expect(await orchestrator.processes()).toMatchObject([{ running: 1 }]);
      gates.get(id)?.set();
    }
    await orchestrator.idle();
    await clock.advance(0);
    expect(marked).toEqual(["1", "2", "3", "admitted"]);
    await orchestrator.stop();
  });

  test("new events are taken meanwhile, but begin only when the suspects are through", async () => {
    const { orchestrator, clock, begun, gates } = createPipeline([{ id: "1" }]);
    await orchestrator.start();
    await orchestrator.emit("source", { id: "new" });
    await clock.advance(0);
    expect(begun).toEqual(["1"]);
    gates.get("1")?.set();
    await clock.advance(0);
    expect(begun).toEqual(["1", "new"]);
    gates.get("new")?.set();
    await orchestrator.stop();
  });

  test("one that does not end holds the next up for ten seconds, no longer", async () => {
    const { orchestrator, clock, begun, gates } = createPipeline([{ id: "1" }, { id: "2" }]);
    await orchestrator.start();
    await clock.advance(9_999);
    expect(begun).toEqual(["1"]);
    await clock.advance(1);
    expect(begun).toEqual(["1", "2"]);
    for (const gate of gates.values()) gate.set();
    await orchestrator.idle();
    await orchestrator.stop();
  });

  test("the rate holds for suspects, too", async () => {
    const planned = [{ id: "1" }, { id: "2" }, { id: "3" }];
    const { orchestrator, clock, begun, gates } = createPipeline(planned, false, { rate: "2/s" });
    await orchestrator.start();
    for (const id of ["1", "2"]) {
      await clock.advance(0);
      gates.get(id)?.set();
    }
    await clock.advance(900);
    expect(begun).toEqual(["1", "2"]);
    await clock.advance(100);
    expect(begun).toEqual(["1", "2", "3"]);
    gates.get("3")?.set();
    await orchestrator.stop();
  });

  test("the concurrency holds for suspects, too: beside one that does not end, others wait", async () => {
    const planned = [{ id: "1" }, { id: "2" }];
    const { orchestrator, clock, marked, begun, gates } = createPipeline(planned, false, { concurrency: 1 });
    await orchestrator.start();
    await clock.advance(25_000);
    expect(begun).toEqual(["1"]);
    expect(marked).toEqual(["1", "admitted"]);
    gates.get("1")?.set();
    await clock.advance(0);
    expect(begun).toEqual(["1", "2"]);
    gates.get("2")?.set();
    await orchestrator.stop();
  });

  test("one whose process is removed before it could start is handed back: replayed, it runs", async () => {
    const broken = async (): Promise<void> => {
      throw new Error("it cannot be opened");
    };
    const { orchestrator, clock, begun } = createPipeline([{ id: "1" }], false, {}, broken);
    await orchestrator.start();
    await clock.advance(0);
    await orchestrator.removeProcess("work", { open: "cancel" });
    await clock.advance(1_000);
    orchestrator.addProcess({ name: "work", run: ({ id }) => void begun.push(id) });
    const [run] = (await orchestrator.history.runs({})).items;
    await orchestrator.replay([run?.id as string]);
    await clock.advance(1_000);
    expect(begun).toEqual(["1"]);
    await orchestrator.stop();
  });

  test("one with three strikes is set aside without an attempt, loudly", async () => {
    const { orchestrator, clock, begun, errors } = createPipeline([{ id: "1", strikes: 3 }]);
    const told: unknown[] = [];
    const listen = (message: unknown): void => void told.push(message);
    runDied.subscribe(listen);
    await orchestrator.start();
    await clock.advance(0);
    runDied.unsubscribe(listen);
    const { items } = await orchestrator.history.runs({});
    expect(items).toMatchObject([{ state: "dead", attempts: 0, error: { code: "CRASHED_HOST" } }]);
    expect(begun).toEqual([]);
    expect(errors).toEqual(["CRASHED_HOST"]);
    const { id: run } = items[0] ?? {};
    expect(told).toMatchObject([
      { process: "work", run, event: { id: "1" }, error: { code: "CRASHED_HOST" } },
    ]);
    await orchestrator.stop();
  });

  test("those of a process that is paused or gone are left as they are, and hold nothing up", async () => {
    const paused = createPipeline([{ id: "1" }, { id: "2", process: "gone" }], true);
    await paused.orchestrator.start();
    await paused.clock.advance(0);
    expect(paused.marked).toEqual(["admitted"]);
    expect((await paused.orchestrator.history.runs({ state: "queued" })).items).toHaveLength(2);
    await paused.orchestrator.stop();
  });

  test("beyond those that may have been running, suspects are tried for two seconds at most", async () => {
    const planned = Array.from({ length: 10 }, (_, i) => ({ id: String(i), strikes: 0 }));
    const { orchestrator, clock, marked, gates } = createPipeline(planned);
    await orchestrator.start();
    for (const { id } of planned.slice(0, 4)) {
      await clock.advance(600);
      gates.get(id)?.set();
    }
    await clock.advance(0);
    expect(marked).toEqual(["0", "1", "2", "3", "admitted"]);
    while (gates.size < 10) {
      for (const gate of gates.values()) gate.set();
      await clock.advance(0);
    }
    for (const gate of gates.values()) gate.set();
    await orchestrator.stop();
  });

  test("a stop in the middle is not held up, and leaves the rest for the next start", async () => {
    const { orchestrator, clock, marked, gates } = createPipeline([{ id: "1" }, { id: "2" }]);
    await orchestrator.start();
    await clock.advance(0);
    const stopping = orchestrator.stop();
    gates.get("1")?.set();
    await stopping;
    expect(marked).toEqual(["1"]);
  });
});
