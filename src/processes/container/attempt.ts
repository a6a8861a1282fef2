import { EVENT_FOLDER } from "../../child/event-environment.ts";
import { saysNoSuchProgram } from "../../child/image.ts";
import { createTail, limitOutput, type Tail } from "../../child/lines.ts";
import { sleep, untilAborted, waitAtMost, type Clock } from "../../model/clock.ts";
import type { RunContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isSluiceError, PermanentError, SluiceError } from "../../model/errors.ts";
import { formatEvent, type Event } from "../../model/event.ts";
import { createMask } from "../../model/mask.ts";
import type { LogStream } from "../../model/run.ts";
import { conclude } from "./conclude.ts";
import { containerName, createOptions, type ContainerIdentity } from "./create.ts";
import {
  reasonOf,
  removeContainer,
  statusOf,
  unlessMissing,
  withEngine,
  type Container,
  type Docker,
} from "./driver.ts";
import type { ImageStore } from "./image.ts";
import { createLogReader } from "./logs.ts";
import type { Options } from "./options.ts";
import { packTar } from "./tar.ts";

const LONGEST_LINE = 7_500;
/** Last lines of standard error that an error tells. */
const TAIL = 5;
/** Milliseconds to read what is left of the output once the container ended. */
const DRAIN = 5_000;
/** Between two looks whether the container, and the engine, are there still. */
const LOOK = 5_000;
/** Longest time between SIGTERM and SIGKILL when the whole pipeline is stopping. */
const HURRY = 1_000;

export interface AttemptWorld {
  readonly docker: Docker;
  readonly images: ImageStore;
  readonly directory: string;
  /** Podman writes the body of the attach call into the container's standard input. */
  readonly isPodman: boolean;
}

/** One attempt: finds the run's container or starts one, follows it to its end, and judges that. */
export async function runContainer(
  world: AttemptWorld,
  identity: ContainerIdentity,
  options: Options,
  event: Event,
  context: RunContext,
): Promise<void> {
  const container =
    (await adopt(world.docker, identity, context)) ?? (await start(world, identity, options, event, context));
  const tail = createTail(TAIL);
  const exitCode = await followToEnd(container, options, tail, context);
  await conclude(container, exitCode, options, tail.lines, context);
}

/** Hands on the output until the container has ended, or the attempt must: then it ends the container. */
async function followToEnd(
  container: Container,
  options: Options,
  tail: Tail,
  context: RunContext,
): Promise<number> {
  const { signal, clock } = context;
  const follower = follow(container, options, tail, context);
  try {
    const ended = waitForEnd(container, clock, signal);
    await Promise.race([ended, untilAborted(signal)]);
    if (signal.aborted) {
      await end(container, options, signal);
      throw signal.reason;
    }
    const exitCode = await ended;
    await waitAtMost(clock, DRAIN, follower.ended, signal);
    return exitCode;
  } finally {
    follower.stop();
  }
}

/**
 * Resolves with the exit code. The engine's answer begins at once and ends with the container; that the connection was
 * lost in between is told to nobody, so it is looked now and then.
 */
async function waitForEnd(container: Container, clock: Clock, signal: AbortSignal): Promise<number> {
  const over = new AbortController();
  const told = withEngine("wait for the container", () => container.wait());
  try {
    return await Promise.race([
      told.then(({ StatusCode }) => StatusCode),
      lookForEnd(container, clock, AbortSignal.any([signal, over.signal])),
    ]);
  } finally {
    over.abort();
  }
}

/** Never settles once the signal aborted. */
async function lookForEnd(container: Container, clock: Clock, signal: AbortSignal): Promise<number> {
  for (;;) {
    await sleep(clock, LOOK, signal);
    if (signal.aborted) return new Promise(() => undefined);
    const { State } = await withEngine("look at the container", () => container.inspect());
    if (State.Status === "exited" || State.Status === "dead") return State.ExitCode;
  }
}

/** The container that this run has already, left by an owner that died or by an attempt that lost the engine. */
async function adopt(
  docker: Docker,
  identity: ContainerIdentity,
  context: RunContext,
): Promise<Container | undefined> {
  const found = docker.getContainer(containerName(identity));
  const details = await withEngine("look for the run's container", () => unlessMissing(found.inspect()));
  if (details === undefined) return undefined;
  const container = docker.getContainer(details.Id);
  if (details.State.Status === "created") {
    // It never began: it may lack its event.
    await removeContainer(container);
    return undefined;
  }
  context.log(`found the container ${details.Id.slice(0, 12)} of this run again (${details.State.Status})`);
  return container;
}

async function start(
  { docker, images, directory, isPodman }: AttemptWorld,
  identity: ContainerIdentity,
  options: Options,
  event: Event,
  context: RunContext,
): Promise<Container> {
  const { signal } = context;
  const pulled = images.ensure(docker, options, (text, done, total) => {
    if (total > 0) context.progress(done, total, text);
    else context.log(text);
  });
  await Promise.race([pulled, untilAborted(signal)]);
  signal.throwIfAborted();
  const text = formatEvent(event);
  const stdin = options.stdin && !isPodman;
  const request = createOptions(identity, options, { event: text, directory, stdin });
  const container = await withEngine("create a container", () => docker.createContainer(request)).catch(
    refuse,
  );
  try {
    await withEngine("hand the event to the container", () =>
      container.putArchive(files(text), { path: EVENT_FOLDER }),
    );
    signal.throwIfAborted();
    const input = stdin
      ? await withEngine("attach", () => container.attach({ stream: true, stdin: true, hijack: true }))
      : undefined;
    // A container that does not read its input breaks nothing.
    input?.on("error", () => undefined);
    await container.start().catch((error: unknown) => refuseStart(error, options));
    input?.end(text);
    // What is not read, its own echo of the streams, would hold the connection.
    input?.resume();
    return container;
  } catch (error) {
    await removeContainer(container).catch(() => undefined);
    throw error;
  }
}

function files(event: string): Buffer {
  return packTar([
    { name: "event.json", mode: 0o444, content: Buffer.from(event) },
    { name: "out.ndjson", mode: 0o666, content: Buffer.alloc(0) },
  ]);
}

/** What the engine does not understand or does not have will not be there the next time. */
function refuse(error: unknown): never {
  const cause = isSluiceError(error) ? error.cause : error;
  if (statusOf(cause) === 400)
    throw new PermanentError((error as Error).message, { cause, code: "INVALID_OPTIONS" });
  throw error;
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

interface Follower {
  readonly ended: Promise<void>;
  stop(): void;
}

/** Hands on the output as it comes, from the container's beginning. What goes wrong with it costs the run nothing. */
function follow(container: Container, options: Options, tail: Tail, context: RunContext): Follower {
  const mask = createMask(Object.values(options.env));
  let stopped = false;
  let output: { destroy(): void } | undefined;
  const limits = { lines: options.maxLines, characters: options.maxCharacters };
  const log = limitOutput(limits, (line, stream: LogStream) => context.log(line, stream));
  const reader = createLogReader(LONGEST_LINE, (line, stream) => {
    if (stopped) return;
    const masked = mask(line);
    if (stream === "stderr") tail.push(masked);
    log(masked, stream);
  });
  const ended = (async () => {
    const stream = await container.logs({ follow: true, stdout: true, stderr: true });
    output = stream;
    if (stopped) stream.destroy();
    for await (const chunk of stream) reader.push(chunk as Buffer);
    reader.end();
  })().catch((error: unknown) => {
    if (!stopped) context.log(`the container's output could not be read: ${reasonOf(error)}`);
  });
  return {
    ended,
    stop() {
      stopped = true;
      output?.destroy();
    },
  };
}

async function end(container: Container, options: Options, signal: AbortSignal): Promise<void> {
  const killAfter = parseDuration(options.killAfter);
  const patience = isSluiceError(signal.reason, "SHUTDOWN") ? Math.min(killAfter, HURRY) : killAfter;
  // 304: it has ended by itself meanwhile; 404: it is gone.
  await container.stop({ t: Math.ceil(patience / 1000) }).catch(() => undefined);
  await removeContainer(container);
}
