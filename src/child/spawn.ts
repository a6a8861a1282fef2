import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { PermanentError, SluiceError } from "../model/errors.ts";
import type { Launch } from "./program.ts";

/** The descriptor, besides the usual three, on which a child may write. */
export const OUTPUT_FD = 3;

export interface SpawnOptions extends Pick<Launch, "argv" | "directory" | "env"> {
  readonly identity?: Launch["identity"];
  /** Whether it has a pipe to write into as its descriptor 3. */
  readonly hasOutput?: boolean;
}

/**
 * Starts a program in a process group of its own.
 *
 * @throws PermanentError COMMAND_NOT_FOUND if it cannot be run at all; SluiceError PROCESS_EXIT if it could not be
 * started this time (too many processes, no memory)
 */
export function spawnChild({
  argv,
  directory,
  env,
  identity,
  hasOutput,
}: SpawnOptions): Promise<ChildProcess> {
  const [command = "", ...rest] = argv;
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(startError(error, command, directory));
    try {
      const child = spawn(command, rest, {
        cwd: directory,
        env,
        detached: true,
        stdio: hasOutput === true ? ["pipe", "pipe", "pipe", "pipe"] : "pipe",
        windowsHide: true,
        ...(identity && { uid: identity.uid, gid: identity.gid }),
      });
      if (child.pid !== undefined) resolve(child);
      child.on("error", fail);
    } catch (error) {
      // An argument with NUL, for one, is refused at once.
      fail(error as NodeJS.ErrnoException);
    }
  });
}

function startError(error: NodeJS.ErrnoException, command: string, directory: string): Error {
  const quoted = JSON.stringify(command);
  if (error.code === "ENOENT" || error.code === "ENOTDIR") {
    const what = existsSync(directory)
      ? whyNotFound(command, directory)
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

function whyNotFound(command: string, directory: string): string {
  const quoted = JSON.stringify(command);
  if (!command.includes("/"))
    return `${quoted} was not found; is it installed, and in PATH or given by its path?`;
  const path = resolvePath(directory, command);
  // The kernel says the same of a script whose interpreter is missing; a CR at the first line's end makes it so.
  return existsSync(path)
    ? `what its first line (#!) names was not found; is it installed, and does the line end without CR?`
    : `there is no ${JSON.stringify(path)}; a relative path begins at the working directory`;
}
