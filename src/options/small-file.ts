import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";

/** Bytes of the largest file of code. */
export const CODE_LIMIT = 100_000_000;

const CHUNK = 256 * 1_024;

/**
 * Reads a file that options name, whole: at once, since it is part of what they say. Only a regular file, since a pipe or
 * a device would be waited for, or never end; and so many bytes at most, whatever its size is said to be.
 *
 * @throws Error that says why, for the end of a sentence
 */
export function readSmallFile(path: string, mostBytes: number): Buffer {
  try {
    // Before it is opened too: to open a device may do something to it.
    if (!statSync(path).isFile()) throw new Error("it is not a regular file");
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(file).isFile()) throw new Error("it is not a regular file");
      return readAtMost(file, mostBytes);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOENT" ? new Error("there is no such file", { cause: error }) : error;
  }
}

function readAtMost(file: number, most: number): Buffer {
  const parts: Buffer[] = [];
  for (let size = 0; ;) {
    const part = Buffer.allocUnsafe(CHUNK);
    const length = readSync(file, part, 0, CHUNK, null);
    if (length === 0) return Buffer.concat(parts);
    size += length;
    if (size > most) throw new Error(`it has more than ${most} bytes`);
    parts.push(part.subarray(0, length));
  }
}
