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
