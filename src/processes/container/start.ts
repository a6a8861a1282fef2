import { EVENT_FOLDER } from "../../child/event-environment.ts";
import { saysNoSuchProgram } from "../../child/image.ts";
import { untilAborted } from "../../model/clock.ts";
import type { RunContext } from "../../model/component.ts";
import { isSluiceError, PermanentError, SluiceError } from "../../model/errors.ts";
import { formatEvent, type Event } from "../../model/event.ts";
import { containerName, createOptions, type ContainerIdentity } from "./create.ts";
import {
  reasonOf,
  removeContainer,
  statusOf,
  unlessMissing,
  withEngine,
  type Container,
  type Docker,
  type Engine,
  type Output,
} from "./driver.ts";
import { attach, type Streams } from "./attach.ts";
import { filesFor, isIn, removeFiles, writeFiles } from "./files.ts";
import type { ImageStore } from "./image.ts";
import type { Options } from "./options.ts";
import { packTar } from "./tar.ts";

/** What all runs of a process have in common. */
export interface World {
  readonly engine: Engine;
  readonly images: ImageStore;
  /** Where relative paths start from. */
  readonly directory: string;
  /** Where files for containers are written; `undefined` if they go in by an archive. */
  readonly folder: string | undefined;
}

/** The container of a run. */
export interface RunContainer {
  readonly container: Container;
  /** The folder of its event and of what it emits; `undefined` if those are in a volume of its own. */
  readonly files: string | undefined;
  /** Both its streams from its beginning; `undefined` if the engine's log must be read for them. */
  readonly output: Output | undefined;
  /** Removes it, its volume and its files. */
  readonly remove: () => Promise<void>;
}

function toRunContainer(
  { folder }: World,
  container: Container,
  files: string | undefined,
): Omit<RunContainer, "output"> {
  return {
    container,
    files,
    async remove() {
      await removeContainer(container);
      if (files !== undefined && folder !== undefined && isIn(folder, files)) await removeFiles(files);
    },
  };
}

/** The container that this run has already, left by an owner that died or by an attempt that lost the engine. */
export async function adopt(
  world: World,
  identity: ContainerIdentity,
  context: RunContext,
): Promise<RunContainer | undefined> {
  const { docker } = world.engine;
  const name = containerName(identity);
  const details = await withEngine("look for the run's container", () =>
    unlessMissing(docker.getContainer(name).inspect()),
  );
  if (details === undefined) return undefined;
  const files = details.Config.Labels?.["sluice.files"] ?? "";
  const found = toRunContainer(world, docker.getContainer(details.Id), files === "" ? undefined : files);
  if (details.State.Status === "created") {
    // It never began: it may lack its event.
    await found.remove();
    return undefined;
  }
  context.log(`found the container ${details.Id.slice(0, 12)} of this run again (${details.State.Status})`);
  return { ...found, output: undefined };
}

/** Starts a container for this run, which has none. */
export async function start(
  world: World,
  identity: ContainerIdentity,
  options: Options,
  event: Event,
  context: RunContext,
): Promise<RunContainer> {
  const { engine, images, folder } = world;
  const { signal } = context;
  const pulled = images.ensure(engine.docker, options, (text, done, total) => {
    if (total > 0) context.progress(done, total, text);
    else context.log(text);
  });
  await Promise.race([pulled, untilAborted(signal)]);
  signal.throwIfAborted();
  const text = formatEvent(event);
  // A disk that is full, or a folder that somebody removed, is no reason to fail.
  const files =
    folder === undefined
      ? undefined
      : await writeFiles(folder, containerName(identity), text).catch(() => undefined);
  if (files !== undefined) {
    try {
      return await startWith(world, identity, options, text, files, signal);
    } catch (error) {
      if (!saysNoSuchFile(error, files)) throw error;
      engine.sharesFiles = false;
    }
  }
  return startWith(world, identity, options, text, undefined, signal);
}

/** The folder's name is like no other, so whatever is said of it is said of our mounts. */
function saysNoSuchFile(error: unknown, files: string): boolean {
  return error instanceof Error && error.message.includes(files);
}

async function startWith(
  world: World,
  identity: ContainerIdentity,
  options: Options,
  event: string,
  files: string | undefined,
  signal: AbortSignal,
): Promise<RunContainer> {
  const { directory, engine } = world;
  const stdin = options.stdin && !engine.isPodman;
  const request = createOptions(identity, options, { event, directory, stdin, files });
  const container = await create(engine.docker, request, files);
  const started = toRunContainer(world, container, files);
  let streams: Streams | undefined;
  try {
    if (files === undefined) {
      await withEngine("hand the event to the container", () =>
        container.putArchive(packTar(filesFor(event)), { path: EVENT_FOLDER }),
      );
    }
    signal.throwIfAborted();
    streams = await attach(engine, container, stdin);
    await container.start().catch((error: unknown) => refuseStart(error, options));
    streams?.write(event);
    return { ...started, output: streams?.output };
  } catch (error) {
    streams?.output?.destroy();
    await started.remove().catch(() => undefined);
    throw error;
  }
}

async function create(
  docker: Docker,
  request: Record<string, unknown>,
  files: string | undefined,
): Promise<Container> {
  try {
    return await withEngine("create a container", () => docker.createContainer(request));
  } catch (error) {
    const cause = isSluiceError(error) ? error.cause : error;
    const status = statusOf(cause);
    // If it did not answer, there may be a container: then the files are for a later sweep.
    if (files !== undefined && status !== undefined) await removeFiles(files);
    if (status !== 400) throw error;
    // What the engine does not understand will not be understood the next time.
    throw new PermanentError((error as Error).message, { cause, code: "INVALID_OPTIONS" });
  }
}

function refuseStart(error: unknown, { image }: Options): never {
  const reason = reasonOf(error);
  if (saysNoSuchProgram(reason)) {
    throw new PermanentError(`cannot start a container of ${image}: ${reason}`, {
      cause: error,
      code: "COMMAND_NOT_FOUND",
    });
  }
  throw new SluiceError("SOURCE_UNAVAILABLE", `cannot start a container of ${image}: ${reason}`, {
    cause: error,
  });
}
