import { createHash } from "node:crypto";
import { EPHEMERAL_JOURNAL, type Process } from "../../model/component.ts";
import { defineProcess, type ProcessKind, type Surroundings } from "../../model/kind.ts";
import { runContainer } from "./attempt.ts";
import { connectDocker, loadDockerode, openEngine, withEngine, type Engine } from "./driver.ts";
import { openFolder } from "./files.ts";
import { createImageStore } from "./image.ts";
import { containerOptions, type ContainerProcessOptions, type Options } from "./options.ts";
import type { World } from "./start.ts";
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
  let connection: Promise<Engine> | undefined;
  let sweptAt = Number.NEGATIVE_INFINITY;

  function connect(): Promise<Engine> {
    connection ??= openEngine(options.engine).catch((error: unknown) => {
      connection = undefined;
      throw error;
    });
    return connection;
  }

  async function enter(journal: string): Promise<World> {
    const engine = await connect();
    const key = createHash("sha256").update([options.engine, journal, name].join("\n"));
    const folder =
      options.shareFiles && engine.sharesFiles
        ? await openFolder(directory, key.digest("hex").slice(0, 32))
        : undefined;
    return { engine, images, directory, folder };
  }

  const made: Process = {
    name,
    type: "container",
    async open({ pipeline, journalId, log }) {
      owner = { pipeline, journal: journalId };
      const { engine, folder } = await enter(journalId);
      const sweep = { journal: journalId, process: name, now: Date.now(), folder };
      const removed = await sweepContainers(engine.docker, sweep);
      if (removed > 0)
        log.info({ process: name, containers: removed }, "removed containers that were kept long enough");
    },
    async run(event, context) {
      context.signal.throwIfAborted();
      const { run, attempt, fence, traceparent, clock } = context;
      const journal = context.journalId ?? owner.journal;
      const world = await enter(journal);
      if (clock.monotonic() - sweptAt > SWEEP) {
        sweptAt = clock.monotonic();
        const { engine, folder } = world;
        await sweepContainers(engine.docker, { journal, process: name, now: clock.now(), folder });
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
      await runContainer(world, identity, options, event, context);
    },
  };
  return made;
}
