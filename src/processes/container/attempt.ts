import { createTail, limitOutput, type Tail } from "../../child/lines.ts";
import { sleep, untilAborted, waitAtMost, type Clock } from "../../model/clock.ts";
import type { RunContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isPermanentError, isSluiceError } from "../../model/errors.ts";
import type { Event } from "../../model/event.ts";
import { createMask } from "../../model/mask.ts";
import type { LogStream } from "../../model/run.ts";
import { conclude } from "./conclude.ts";
import type { ContainerIdentity } from "./create.ts";
import { reasonOf, withEngine, type Container } from "./driver.ts";
import { watchOutput } from "./files.ts";
import { createLogReader } from "./logs.ts";
import type { Options } from "./options.ts";
import { adopt, start, type RunContainer, type World } from "./start.ts";

const LONGEST_LINE = 7_500;
/** Last lines of standard error that an error tells. */
const TAIL = 5;
/** Milliseconds to read what is left of the output once the container ended. */
const DRAIN = 5_000;
/** Between two looks whether the container, and the engine, are there still. */
const LOOK = 5_000;
/** Longest time between SIGTERM and SIGKILL when the whole pipeline is stopping. */
const HURRY = 1_000;

/** One attempt: finds the run's container or starts one, follows it to its end, and judges that. */
export async function runContainer(
  world: World,
  identity: ContainerIdentity,
  options: Options,
  event: Event,
  context: RunContext,
): Promise<void> {
  const found =
    (await adopt(world, identity, context)) ?? (await start(world, identity, options, event, context));
  const tail = createTail(TAIL);
  const exitCode = await followToEnd(found, options, tail, context);
  await conclude(found, exitCode, options, tail.lines, context);
}

/** Hands on the output until the container has ended, or the attempt must: then it ends the container. */
async function followToEnd(
  found: RunContainer,
  options: Options,
  tail: Tail,
  context: RunContext,
): Promise<number> {
  const { signal, clock } = context;
  const { container } = found;
  const follower = follow(found, options, tail, context);
  const over = new AbortController();
  try {
    const ended = waitForEnd(container, clock, signal);
    const watched = found.files === undefined ? [] : [watchOutput(found.files, clock, over.signal)];
    await Promise.race([ended, untilAborted(signal), ...watched]).catch(async (error: unknown) => {
      if (isPermanentError(error)) await end(found, options, signal);
      throw error;
    });
    if (signal.aborted) {
      await end(found, options, signal);
      throw signal.reason;
    }
    const exitCode = await ended;
    await waitAtMost(clock, DRAIN, follower.ended, signal);
    return exitCode;
  } finally {
    over.abort();
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

interface Follower {
  readonly ended: Promise<void>;
  stop(): void;
}

/** Hands on the output as it comes, from the container's beginning. What goes wrong with it costs the run nothing. */
function follow(
  { container, output: attached }: RunContainer,
  options: Options,
  tail: Tail,
  context: RunContext,
): Follower {
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
    const stream = attached ?? (await container.logs({ follow: true, stdout: true, stderr: true }));
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

async function end(
  { container, remove }: RunContainer,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const killAfter = parseDuration(options.killAfter);
  const patience = isSluiceError(signal.reason, "SHUTDOWN") ? Math.min(killAfter, HURRY) : killAfter;
  // 304: it has ended by itself meanwhile; 404: it is gone.
  await container.stop({ t: Math.ceil(patience / 1000) }).catch(() => undefined);
  await remove();
}
