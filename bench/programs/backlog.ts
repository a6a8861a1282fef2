// What it costs to queue so many runs while their process is paused, and to drain them once it is resumed.
import { takeSample } from "../program.ts";
import { emitAll } from "../drive.ts";
import { Ledger } from "../ledger.ts";
import { createSluice } from "../sluice.ts";
import { USUAL_PAYLOAD } from "../subject.ts";

const IN_FLIGHT = 512;
const WARM_UP = 20_000;

await takeSample(async ({ events }: { readonly events: number }, folder) => {
  const ledger = new Ledger(WARM_UP + events, 1);
  const options = { journal: `sqlite:${folder}/journal.db`, processes: 1, payload: USUAL_PAYLOAD };
  const sluice = createSluice(options, ledger);
  const { orchestrator } = sluice;
  await sluice.start();
  await emitAll((id) => sluice.emit(id), 0, WARM_UP, IN_FLIGHT);
  await sluice.idle();
  await orchestrator.pause("process_0");
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await emitAll((id) => sluice.emit(id), WARM_UP, events, IN_FLIGHT);
  const queued = performance.now();
  await orchestrator.resume("process_0");
  await sluice.idle();
  const drained = performance.now();
  const cpu = process.cpuUsage(cpuBefore);
  await sluice.stop();
  return {
    queueRate: (events / (queued - start)) * 1_000,
    drainRate: (events / (drained - queued)) * 1_000,
    cpu: ((cpu.user + cpu.system) / 1e6 / events) * 1e4,
    memory: process.resourceUsage().maxRSS / 1_024,
    ...ledger.audit(),
  };
});
