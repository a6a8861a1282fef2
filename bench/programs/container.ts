// What the engine adds to a container: emit → settled of a container process, in turns with a bare create, start, wait
// and remove of the same image under the same limits, by the same client. On a Docker Engine of its own.
import Docker from "dockerode";
import { Orchestrator } from "../../src/index.ts";
import { containerProcess } from "../../src/processes/container/index.ts";
import { dockerForTests } from "../../test/support/docker.ts";
import { percentile } from "../figure.ts";
import { takeSample } from "../program.ts";

const WARM_UP = 3;
const IMAGE = "busybox:local";
const COMMAND = ["/bin/true"];

await takeSample(async ({ runs }: { readonly runs: number }) => {
  const { engine, reason } = await dockerForTests();
  if (engine === undefined) throw new Error(reason);
  try {
    const docker = new Docker({ socketPath: engine.address.slice("unix://".length) });
    const orchestrator = new Orchestrator({ journal: "memory:" });
    const input = orchestrator.addInput({
      name: "in",
      handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    });
    const options = { name: "container", image: IMAGE, command: COMMAND, engine: engine.address };
    orchestrator.addLink(input, orchestrator.addProcess(containerProcess(options)));
    await orchestrator.start();
    const bare: number[] = [];
    const settled: number[] = [];
    let failed = 0;
    for (let count = 0; count < WARM_UP + runs; count++) {
      let start = performance.now();
      await bareContainer(docker);
      const floor = performance.now() - start;
      start = performance.now();
      const { uid } = await orchestrator.emit("in", { operation: "create", id: String(count) });
      const [run] = await orchestrator.settled(uid);
      const whole = performance.now() - start;
      if (run?.state !== "succeeded") failed += 1;
      if (count < WARM_UP) continue;
      bare.push(floor);
      settled.push(whole);
    }
    await orchestrator.stop();
    return { bare: percentile(bare, 0.5), sluice: percentile(settled, 0.5), lost: failed, doubled: 0 };
  } finally {
    await engine.close();
  }
});

async function bareContainer(docker: Docker): Promise<void> {
  const container = await docker.createContainer({
    Image: IMAGE,
    Cmd: COMMAND,
    HostConfig: {
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      Memory: 2 ** 29,
      PidsLimit: 256,
    },
  });
  await container.start();
  await container.wait();
  await container.remove({ v: true });
}
