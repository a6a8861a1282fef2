import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { sleep, untilAborted, type Clock } from "../model/clock.ts";
import { isSluiceError, PermanentError, SluiceError } from "../model/errors.ts";
import { endGroup, groupLives, registerGroup } from "./group.ts";
import { createLineReader, type LineReader } from "./lines.ts";

export interface ChildOptions {
  /** The program and its arguments. There is no shell: nothing in them is interpreted. */
  readonly argv: readonly string[];
  readonly directory: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
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
  const child = await start(options);
  const leader = child.pid as number;
  const forget = registerGroup(leader);
  try {
    return await supervise(child, leader, options);
  } finally {
    forget();
  }
}

function start(options: ChildOptions): Promise<ChildProcess> {
  const [command = "", ...rest] = options.argv;
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      reject(startError(error, command, options.directory));
    try {
      const { directory: cwd, env } = options;
      const child = spawn(command, rest, { cwd, env, detached: true, stdio: "pipe", windowsHide: true });
      if (child.pid !== undefined) resolve(child);
      child.on("error", fail);
    } catch (error) {
      // An argument with NUL, for one, is refused at once.
      fail(error as NodeJS.ErrnoException);
    }
  });
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

function pipe(child: ChildProcess, { input, longestLine, onLine }: ChildOptions): LineReader[] {
  // A child that does not read its input, or not all of it, breaks nothing: EPIPE is its own business.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  return (["stdout", "stderr"] as const).map((name) => {
    const reader = createLineReader(longestLine, (line) => onLine(line, name));
    child[name]?.on("data", (bytes: Buffer) => reader.push(bytes));
    child[name]?.on("error", () => undefined);
    return reader;
  });
}

function startError(error: NodeJS.ErrnoException, command: string, directory: string): Error {
  const quoted = JSON.stringify(command);
  if (error.code === "ENOENT" || error.code === "ENOTDIR") {
    const what = existsSync(directory)
      ? `${quoted} was not found; is it installed, and in PATH or given by its path?`
      : `the working directory ${JSON.stringify(directory)} does not exist`;
    return new PermanentError(`cannot run ${quoted}: ${what}`, { cause: error, code: "COMMAND_NOT_FOUND" });
  }
  if (error.code === "EACCES" || error.code === "EPERM") {
    const message = `cannot run ${quoted}: it may not be executed (${error.code}); is it a program, and are its permissions right?`;
    return new PermanentError(message, { cause: error, code: "COMMAND_NOT_FOUND" });
  }
  if (error.code === "ERR_INVALID_ARG_VALUE" || error.code === "E2BIG" || error.code === "ENOEXEC") {
    return new PermanentError(`cannot run ${quoted}: ${error.message}`, {
      cause: error,
      code: "COMMAND_NOT_FOUND",
    });
  }
  return new SluiceError("PROCESS_EXIT", `${quoted} could not be started: ${error.message}`, {
    cause: error,
  });
}
