import { EPHEMERAL_JOURNAL, type Process } from "../../model/component.ts";
import { defineProcess, type ProcessKind, type Surroundings } from "../../model/kind.ts";
import { runContainer } from "./attempt.ts";
import { connectDocker, loadDockerode, withEngine, type Docker } from "./driver.ts";
import { createImageStore } from "./image.ts";
import { containerOptions, type ContainerProcessOptions, type Options } from "./options.ts";
import { sweepContainers } from "./sweep.ts";

export type { ContainerMount, ContainerProcessOptions } from "./options.ts";

/** How often it is looked for containers that were kept long enough. */
const SWEEP = 60_000;

/**
 * Runs a container for each event, which it finds in `/sluice/event.json`, on its standard input and, if small, in
 * `SLUICE_EVENT`. Exit code 0 is success, 75 asks for another try. What it writes to `/sluice/out.ndjson` is emitted.
 * A container belongs to its run: after a crash it is found again rather than started a second time.
 */
export const containerProcess: ProcessKind<ContainerProcessOptions, Options, unknown> = defineProcess({
  type: "container",
  summary: "Runs a container for each event, which is a file in it.",
  load: loadDockerode,
  options: containerOptions,
  secrets: ["env"],
  runsCode: true,
  create: createContainerProcess,
  async check({ engine, image, pull }) {
    const docker = await connectDocker(engine);
    await withEngine("ask for the engine's version", () => docker.version());
    if (pull === "never") await createImageStore().ensure(docker, { image, pull }, () => undefined);
  },
});

function createContainerProcess(name: string, options: Options, { directory }: Surroundings): Process {
  const images = createImageStore();
  let owner = { pipeline: "", journal: EPHEMERAL_JOURNAL };
  let connection: Promise<{ docker: Docker; isPodman: boolean }> | undefined;
  let sweptAt = Number.NEGATIVE_INFINITY;

  function connect(): Promise<{ docker: Docker; isPodman: boolean }> {
    connection ??= open().catch((error: unknown) => {
      connection = undefined;
      throw error;
    });
    return connection;
  }

  async function open(): Promise<{ docker: Docker; isPodman: boolean }> {
    const docker = await connectDocker(options.engine);
    const { Components = [] } = await withEngine("ask for the engine's version", () => docker.version());
    return { docker, isPodman: Components.some((component) => /podman/i.test(component.Name)) };
  }

  const made: Process = {
    name,
    type: "container",
    async open({ pipeline, journalId, log }) {
      owner = { pipeline, journal: journalId };
      const { docker } = await connect();
      const removed = await sweepContainers(docker, { journal: journalId, process: name, now: Date.now() });
      if (removed > 0)
        log.info({ process: name, containers: removed }, "removed containers that were kept long enough");
    },
    async run(event, context) {
      context.signal.throwIfAborted();
      const { docker, isPodman } = await connect();
      const { run, attempt, fence, traceparent, clock } = context;
      const journal = context.journalId ?? owner.journal;
      if (clock.monotonic() - sweptAt > SWEEP) {
        sweptAt = clock.monotonic();
        await sweepContainers(docker, { journal, process: name, now: clock.now() });
      }
      const labels = made.settings?.labels ?? {};
      const identity = {
        pipeline: owner.pipeline,
        journal,
        process: name,
        run: run.id,
        attempt,
        fence,
        event: event.uid,
        traceparent,
        labels,
      };
      await runContainer({ docker, images, directory, isPodman }, identity, options, event, context);
    },
  };
  return made;
}
