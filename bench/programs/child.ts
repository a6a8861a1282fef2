// What the engine adds to a child process: emit → settled of a command, in turns with a bare spawn that is given the
// same and whose output is read too. In memory, since the disk is measured elsewhere.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { formatEvent, Orchestrator } from "../../src/index.ts";
import { commandProcess } from "../../src/processes/command.ts";
import { percentile } from "../figure.ts";
import { takeSample } from "../program.ts";

const WARM_UP = 20;
const PROGRAM = "/bin/true";

await takeSample(async ({ runs }: { readonly runs: number }) => {
  const orchestrator = new Orchestrator({ journal: "memory:" });
  const input = orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  orchestrator.addLink(input, orchestrator.addProcess(commandProcess({ name: "command", argv: [PROGRAM] })));
  await orchestrator.start();
  const spawned: number[] = [];
  const settled: number[] = [];
  let failed = 0;
  for (let count = 0; count < WARM_UP + runs; count++) {
    let start = performance.now();
    await bareSpawn(String(count));
    const bare = performance.now() - start;
    start = performance.now();
    const { uid } = await orchestrator.emit("in", { location: "t", operation: "create", id: String(count) });
    const [run] = await orchestrator.settled(uid);
    const engine = performance.now() - start;
    if (run?.state !== "succeeded") failed += 1;
    if (count < WARM_UP) continue;
    spawned.push(bare);
    settled.push(engine);
  }
  await orchestrator.stop();
  return { spawn: percentile(spawned, 0.5), sluice: percentile(settled, 0.5), lost: failed, doubled: 0 };
});

async function bareSpawn(id: string): Promise<void> {
  const child = spawn(PROGRAM, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined);
  child.stdin.end(formatEvent({ location: "t", operation: "create", id, trigger: "in" }));
  child.stdout.resume();
  child.stderr.resume();
  await once(child, "close");
}
