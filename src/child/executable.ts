import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { SluiceError } from "../model/errors.ts";

/**
 * Looks for the program that a command would run, as execvp(3) does: in PATH, unless it is a path itself.
 *
 * @throws SluiceError COMMAND_NOT_FOUND
 */
export function findExecutable(command: string, directory: string, path: string): string {
  const places =
    isAbsolute(command) || command.includes("/")
      ? [resolve(directory, command)]
      : path.split(delimiter).map((folder) => join(folder, command));
  const found = places.find(isExecutable);
  if (found !== undefined) return found;
  const barred = places.find(isFile);
  if (barred !== undefined) {
    throw new SluiceError(
      "COMMAND_NOT_FOUND",
      `${barred} is there, but may not be executed; make it executable: chmod +x ${JSON.stringify(barred)}`,
    );
  }
  throw new SluiceError(
    "COMMAND_NOT_FOUND",
    `there is no program ${JSON.stringify(command)} that may be executed, looked for as ${places.join(", ")}`,
  );
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return isFile(file);
  } catch {
    return false;
  }
}
