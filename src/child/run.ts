import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { sleep, untilAborted, type Clock } from "../model/clock.ts";
import { isSluiceError } from "../model/errors.ts";
import { endGroup, groupLives, registerGroup } from "./group.ts";
import { createLineReader } from "./lines.ts";
import { OUTPUT_FD, spawnChild, type SpawnOptions } from "./spawn.ts";

export interface ChildOptions extends Omit<SpawnOptions, "hasOutput"> {
  /** Written to its standard input, which is then closed. */
  readonly input: string;
  /** When it aborts, the child and all that it started are ended. */
  readonly signal: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly killAfter: number;
  readonly clock: Clock;
  /** Characters of a line; the rest of it is cut. */
  readonly longestLine: number;
  readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
  /** Takes what it writes there as bytes, in place of `onLine`. */
  readonly output?: { readonly from: "stdout" | "fd3"; push(bytes: Buffer): void } | undefined;
}

export interface ChildExit {
  /** `null` if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether it left processes behind, which were ended. */
  readonly leftovers: boolean;
}

/** How long pipes may stay open once nobody of the child's group is left: somebody outside it holds them then. */
const DRAIN = 200;
/** Longest time between SIGTERM and SIGKILL when the whole pipeline is stopping, or for what a child left behind. */
const HURRY = 1_000;

/**
 * Runs a program in a process group of its own and waits until it, and all of its group, is gone.
 *
 * @throws PermanentError COMMAND_NOT_FOUND if it cannot be run at all; SluiceError PROCESS_EXIT if it could not be
 * started this time (too many processes, no memory)
 */
export async function runChild(options: ChildOptions): Promise<ChildExit> {
  const child = await spawnChild({ ...options, hasOutput: options.output?.from === "fd3" });
  const leader = child.pid as number;
  const forget = registerGroup(leader);
  try {
    return await supervise(child, leader, options);
  } finally {
    forget();
  }
}

async function supervise(child: ChildProcess, leader: number, options: ChildOptions): Promise<ChildExit> {
  const { clock, signal, killAfter } = options;
  const readers = pipe(child, options);
  let exit: Pick<ChildExit, "code" | "signal"> | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (code, exitSignal) => {
      exit = { code, signal: exitSignal };
      resolve();
    });
  });
  const closed = new Promise<true>((resolve) => void child.once("close", () => resolve(true)));

  await Promise.race([exited, untilAborted(signal)]);
  const leftovers = exit !== undefined && (await groupLives(leader));
  if (exit === undefined) {
    const isShutdown = isSluiceError(signal.reason, "SHUTDOWN");
    await endGroup(leader, isShutdown ? Math.min(killAfter, HURRY) : killAfter, clock);
  } else if (leftovers) {
    await endGroup(leader, Math.min(killAfter, HURRY), clock);
  }
  await exited;
  if ((await Promise.race([closed, drained(clock)])) !== true) {
    for (const stream of child.stdio) stream?.destroy();
  }
  for (const reader of readers) reader.end();
  return { code: null, signal: null, ...exit, leftovers };
}

/** A busy event loop may come to its timers before it reads what is in the pipes: it gets one more turn. */
async function drained(clock: Clock): Promise<void> {
  await sleep(clock, DRAIN);
  await new Promise((resolve) => setImmediate(resolve));
}

/** What is to be told that its stream has ended. */
interface Ending {
  end(): void;
}

function pipe(child: ChildProcess, { input, longestLine, onLine, output }: ChildOptions): Ending[] {
  // A child that does not read its input, or not all of it, breaks nothing: EPIPE is its own business.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  if (output !== undefined) {
    const from = output.from === "stdout" ? child.stdout : (child.stdio[OUTPUT_FD] as Readable | null);
    read(from, (bytes) => output.push(bytes));
  }
  return (["stdout", "stderr"] as const)
    .filter((name) => name !== output?.from)
    .map((name) => {
      const reader = createLineReader(longestLine, (line) => onLine(line, name));
      read(child[name], (bytes) => reader.push(bytes));
      return reader;
    });
}

function read(stream: Readable | null, push: (bytes: Buffer) => void): void {
  stream?.on("data", push);
  stream?.on("error", () => undefined);
}
