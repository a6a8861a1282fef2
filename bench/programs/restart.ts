// How long a pipeline takes from the start of its program to its first run, with what a death left queued.
import { Orchestrator } from "../../src/index.ts";
import { Ledger } from "../ledger.ts";
import { takeSample } from "../program.ts";

interface RestartOptions {
  /** A copy, to be used up. Defaults to an empty one. */
  readonly journal?: string;
  /** How many are queued; with none, the first run is that of an event emitted at once. */
  readonly events: number;
}

await takeSample(async ({ journal, events }: RestartOptions, folder) => {
  const ledger = new Ledger(Math.max(1, events), 1);
  let firstRun: number | undefined;
  const orchestrator = new Orchestrator({ journal: `sqlite:${journal ?? `${folder}/journal.db`}` });
  const input = orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  const memoryAtFirst = Promise.withResolvers<number>();
  const work = orchestrator.addProcess({
    name: "process",
    async run(event) {
      if (firstRun === undefined) {
        firstRun = performance.now();
        memoryAtFirst.resolve(process.memoryUsage.rss());
      }
      ledger.count(0, event.id);
    },
  });
  orchestrator.addLink(input, work);
  await orchestrator.start();
  if (events === 0) await orchestrator.emit("in", { location: "t", operation: "create", id: "0" });
  const memory = await memoryAtFirst.promise;
  await orchestrator.idle();
  const allRun = performance.now();
  await orchestrator.stop();
  return {
    firstRun: (firstRun ?? NaN) / 1_000,
    allRun: allRun / 1_000,
    memory: memory / 2 ** 20,
    mostMemory: process.resourceUsage().maxRSS / 1_024,
    ...ledger.audit(),
  };
});
