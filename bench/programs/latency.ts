// How long an idle engine takes from emit to the start of the process; in turns with a bare append and fdatasync.
import { setTimeout as sleep } from "node:timers/promises";
import { Disk } from "../disk.ts";
import { percentile } from "../figure.ts";
import { takeSample } from "../program.ts";
import { Orchestrator } from "../../src/index.ts";
import { payloadOf, USUAL_PAYLOAD } from "../subject.ts";

interface LatencyOptions {
  readonly events: number;
  /** Milliseconds between one and the next. */
  readonly spacing: number;
}

const WARM_UP = 50;

await takeSample(async ({ events, spacing }: LatencyOptions, folder) => {
  const disk = new Disk(`${folder}/appended`);
  const orchestrator = new Orchestrator({ journal: `sqlite:${folder}/journal.db` });
  const input = orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  let started = Promise.withResolvers<number>();
  const work = orchestrator.addProcess({
    name: "process",
    run: async () => started.resolve(performance.now()),
  });
  orchestrator.addLink(input, work);
  await orchestrator.start();
  const data = payloadOf(USUAL_PAYLOAD);
  const syncs: number[] = [];
  const starts: number[] = [];
  for (let count = 0; count < WARM_UP + events; count++) {
    await sleep(spacing);
    const sync = disk.append();
    await sleep(spacing);
    const emittedAt = performance.now();
    started = Promise.withResolvers<number>();
    await orchestrator.emit("in", { location: "t", operation: "create", id: String(count), data });
    const startedAt = await started.promise;
    if (count < WARM_UP) continue;
    syncs.push(sync);
    starts.push(startedAt - emittedAt);
  }
  await orchestrator.stop();
  disk.close();
  return {
    diskP50: percentile(syncs, 0.5),
    diskP99: percentile(syncs, 0.99),
    startP50: percentile(starts, 0.5),
    startP99: percentile(starts, 0.99),
  };
});
