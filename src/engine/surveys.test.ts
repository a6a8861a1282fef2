import { expect, test } from "vitest";
import type { Input, InputContext } from "../model/component.ts";
import type { BackfillReport, SourceRead } from "../model/survey.ts";
import { createMemoryJournal } from "../journal/memory/journal.ts";
import { createFakeClock } from "../testing/clock.ts";
import { createSignal } from "../testing/signal.ts";
import { Orchestrator } from "./orchestrator.ts";

const NOTHING: BackfillReport = { tables: [] };

/** An input that tells of what it is told, and whose source is what `read` answers. */
function sourceOf(
  read: () => Promise<SourceRead>,
): Input & { readonly live: Promise<InputContext>; outcome?: object } {
  let listen!: (context: InputContext) => void;
  const live = new Promise<InputContext>((resolve) => (listen = resolve));
  const input: ReturnType<typeof sourceOf> = {
    name: "source",
    live,
    handle: (context) => {
      listen(context);
      return new Promise((resolve) => context.signal.addEventListener("abort", () => resolve()));
    },
    async backfill(context) {
      input.outcome = await context.emitRead(read);
      return NOTHING;
    },
  };
  return input;
}

async function eventsOf({ history }: Orchestrator): Promise<string[]> {
  const { items } = await history.events({});
  return items.map(({ operation, id }) => `${operation} ${id}`).toReversed();
}

test("what an input tells while its source is read is newer than what was read", async () => {
  const isRead = createSignal();
  const told = createSignal();
  const input = sourceOf(async () => {
    const events = ["1", "2", "3", "4"].map((id) => ({ location: "t", id, operation: "read" as const }));
    isRead.set();
    await told.wait();
    return { events };
  });
  await using orchestrator = new Orchestrator({ journal: createMemoryJournal() });
  orchestrator.addInput(input);
  await orchestrator.start();
  const backfilled = orchestrator.backfill("source");
  const context = await input.live;
  await isRead.wait();
  await context.emit({ location: "t", id: "1", operation: "update" });
  await context.emitAll([{ location: "t", id: "9", operation: "update", headers: { previousid: "3" } }]);
  await context.emit({ location: "elsewhere", id: "2", operation: "update" });
  told.set();
  await backfilled;
  expect(input.outcome).toEqual({ emitted: 2, overtaken: 2 });
  expect(await eventsOf(orchestrator)).toEqual(["update 1", "update 9", "update 2", "read 2", "read 4"]);
});

test("a source that was emptied while it was read leaves nothing to be told", async () => {
  const emptied = createSignal();
  const input = sourceOf(async () => {
    await emptied.wait();
    return { events: [{ location: "t", id: "1", operation: "read" }] };
  });
  await using orchestrator = new Orchestrator({ journal: createMemoryJournal() });
  orchestrator.addInput(input);
  await orchestrator.start();
  const backfilled = orchestrator.backfill("source");
  const context = await input.live;
  await context.emit({ location: "t", id: "*", operation: "delete" });
  emptied.set();
  await backfilled;
  expect(await eventsOf(orchestrator)).toEqual(["delete *"]);
});

/** A backfill of rows 1 to 4, two at a time, that keeps how far it is; `pause` is waited for after the second was read. */
function resumable(name: string, pause: () => Promise<void>): Input {
  return {
    name,
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    async backfill({ emitRead, state }) {
      for (let from = ((await state.get("from"))?.value as number | undefined) ?? 1; from < 5; from += 2) {
        await emitRead(async () => {
          if (from > 2) await pause();
          const events = [from, from + 1].map((id) => ({ id: String(id), operation: "read" as const }));
          return { events, state: { from: from + 2 } };
        });
      }
      await state.put("done", name);
      return NOTHING;
    },
  };
}

test.each<[string, (orchestrator: Orchestrator) => Promise<unknown>, string]>([
  ["removed", (orchestrator) => orchestrator.removeInput("source"), "was removed"],
  [
    "removed by a change",
    (orchestrator) =>
      orchestrator.change({ add: { inputs: [], processes: [] }, remove: ["source"], links: [] }),
    "was removed",
  ],
  [
    "replaced",
    (orchestrator) => {
      const inputs = [resumable("source", () => Promise.resolve())];
      return orchestrator.change({ add: { inputs, processes: [] }, remove: [], links: [] });
    },
    "was replaced by a changed one; do the same again to go on with that",
  ],
])(
  "a backfill whose input is %s ends; nothing more is emitted, and another goes on",
  async (_, leave, told) => {
    const begun = createSignal();
    const gate = createSignal();
    await using orchestrator = new Orchestrator({ journal: createMemoryJournal() });
    orchestrator.addInput(
      resumable("source", () => {
        begun.set();
        return gate.wait();
      }),
    );
    await orchestrator.start();
    const backfilled = orchestrator.backfill("source");
    backfilled.catch(() => undefined);
    await begun.wait();
    await leave(orchestrator);
    gate.set();
    await expect(backfilled).rejects.toMatchObject({
      code: "SHUTDOWN",
      message: `input "source" ${told}; what was done until then is kept`,
    });
    expect(await eventsOf(orchestrator)).toEqual(["read 1", "read 2"]);
    if (orchestrator.inputs().length === 0)
      orchestrator.addInput(resumable("source", () => Promise.resolve()));
    await orchestrator.backfill("source");
    expect(await eventsOf(orchestrator)).toEqual(["read 1", "read 2", "read 3", "read 4"]);
  },
);

test("a backfill outlives a change that leaves its input as it is, and one that is leaving takes none", async () => {
  const begun = createSignal();
  const gate = createSignal();
  await using orchestrator = new Orchestrator({ journal: createMemoryJournal() });
  const pause = (): Promise<void> => {
    begun.set();
    return gate.wait();
  };
  orchestrator.addInput(resumable("source", pause));
  const leaving = createSignal();
  orchestrator.addInput({
    ...resumable("stubborn", pause),
    handle: ({ signal }) => {
      signal.addEventListener("abort", () => leaving.set());
      return gate.wait();
    },
  });
  await orchestrator.start();
  const backfilled = orchestrator.backfill("source");
  await begun.wait();
  const changing = orchestrator.change({
    add: { inputs: [], processes: [] },
    remove: ["stubborn"],
    links: [],
  });
  await leaving.wait();
  await expect(orchestrator.backfill("stubborn")).rejects.toMatchObject({
    code: "UNKNOWN_NAME",
    message: 'input "stubborn" is being removed; it takes no backfill any more',
  });
  gate.set();
  await changing;
  expect(await backfilled).toEqual(NOTHING);
  expect(await eventsOf(orchestrator)).toHaveLength(4);
});

test("a stop ends what is under way, and a journal that is only open takes a backfill", async () => {
  const begun = createSignal();
  const input = sourceOf(async () => {
    begun.set();
    return new Promise(() => undefined);
  });
  input.backfill = (context) =>
    new Promise((_, reject) => {
      begun.set();
      context.signal.addEventListener("abort", () => reject(context.signal.reason as Error));
    });
  const orchestrator = new Orchestrator({ journal: createMemoryJournal() });
  orchestrator.addInput(input);
  await orchestrator.open();
  expect(orchestrator.inputs()).toMatchObject([{ name: "source", state: "stopped" }]);
  const cut = orchestrator.backfill("source");
  cut.catch(() => undefined);
  await begun.wait();
  await orchestrator.stop();
  await expect(cut).rejects.toMatchObject({ code: "SHUTDOWN" });
});

test("a survey that ignores its signal holds up a stop for the grace time, and no longer", async () => {
  const clock = createFakeClock();
  const begun = createSignal();
  const input = sourceOf(() => {
    begun.set();
    return new Promise(() => undefined);
  });
  const orchestrator = new Orchestrator({ journal: createMemoryJournal(), clock });
  orchestrator.addInput(input);
  await orchestrator.start();
  orchestrator.backfill("source").catch(() => undefined);
  await begun.wait();
  const stopped = orchestrator.stop({ grace: 1_000 }).then(() => "stopped");
  const settled = async (): Promise<unknown> => {
    await new Promise((resolve) => setImmediate(resolve));
    return Promise.race([stopped, Promise.resolve("going on")]);
  };
  await clock.advance(999);
  expect(await settled()).toBe("going on");
  await clock.advance(1);
  expect(await stopped).toBe("stopped");
});
