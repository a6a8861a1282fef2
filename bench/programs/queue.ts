// Leaves a journal with queued runs as a death does: fills it while its process never ends a run, then kills itself.
import { fork } from "node:child_process";
import { once } from "node:events";
import { Orchestrator } from "../../src/index.ts";
import { emitAll } from "../drive.ts";
import { payloadOf, USUAL_PAYLOAD } from "../subject.ts";

interface QueueOptions {
  readonly journal: string;
  readonly events: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as QueueOptions;

if (process.send === undefined) {
  const child = fork(import.meta.filename, [JSON.stringify(options)]);
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error("the queue could not be filled");
  console.log(JSON.stringify({ events: options.events }));
} else {
  const orchestrator = new Orchestrator({ journal: `sqlite:${options.journal}` });
  const input = orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  const work = orchestrator.addProcess({
    name: "process",
    run: () => new Promise<void>(() => undefined),
  });
  orchestrator.addLink(input, work);
  await orchestrator.start();
  const data = payloadOf(USUAL_PAYLOAD);
  await emitAll(
    (id) => orchestrator.emit("in", { location: "t", operation: "create", id, data }),
    0,
    options.events,
    512,
  );
  process.kill(process.pid, "SIGKILL");
}
