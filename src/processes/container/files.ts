import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { EVENT_FOLDER } from "../../child/event-environment.ts";
import { LARGEST_OUTPUT } from "../../child/output.ts";
import { sleep, type Clock } from "../../model/clock.ts";
import { isPermanentError, isSluiceError, PermanentError, SluiceError } from "../../model/errors.ts";
import type { TarFile } from "./tar.ts";

const EVENT = "event.json";
const OUTPUT = "out.ndjson";
/** Where a container writes the events that it emits. */
export const OUTPUT_PATH: string = `${EVENT_FOLDER}/${OUTPUT}`;
/** A run's files may be there so long before its container is. */
const UNBORN = 3_600_000;
/** Between two looks at how much a container has written: milliseconds. */
const LOOK = 500;

/**
 * The folder for the files of one process's runs, where an engine that shares our file system finds them: in `.sluice`,
 * where the journal usually is, or among temporary files. What containers may write to lies in it, so nobody else enters.
 * `undefined` if there can be none: the disk is not to be written to, or the folder is somebody else's.
 */
export async function openFolder(directory: string, key: string): Promise<string | undefined> {
  for (const base of [
    join(directory, ".sluice", "containers"),
    join(tmpdir(), `sluice-containers-${process.getuid?.() ?? 0}`),
  ]) {
    try {
      const folder = join(await makePrivate(base), key);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return folder;
    } catch (error) {
      if (!isSluiceError(error) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    }
  }
  return undefined;
}

async function makePrivate(folder: string): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const stats = await lstat(folder);
  const isOwn = stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0;
  if (!isOwn) throw new SluiceError("SOURCE_UNAVAILABLE", `${folder} is not this user's alone`);
  return realpath(folder);
}

/**
 * Writes a run's event, and the file for what it emits, into a folder of their own. Its name is a random one, so that
 * an engine with another file system cannot have something else there.
 */
export async function writeFiles(folder: string, container: string, event: string): Promise<string> {
  const files = join(folder, `${container}-${randomBytes(16).toString("hex")}`);
  await mkdir(files, { mode: 0o700 });
  try {
    for (const { name, content, mode } of filesFor(event)) {
      const path = join(files, name);
      // Apart from the writing: a umask takes from a mode given there.
      await writeFile(path, content, { flag: "wx", mode: 0o600 });
      await chmod(path, mode);
    }
  } catch (error) {
    // Half an event on a disk that is full would be in the way of what frees it.
    await removeFiles(files);
    throw error;
  }
  return files;
}

/** What a container finds in its folder, whichever way it comes there. Its user is the image's business. */
export function filesFor(event: string): readonly TarFile[] {
  return [
    { name: EVENT, mode: 0o444, content: Buffer.from(event) },
    { name: OUTPUT, mode: 0o666, content: Buffer.alloc(0) },
  ];
}

/** Files and no folder: a container can replace neither, nor put another beside them. */
export function mountsOf(files: string): readonly object[] {
  return [
    { Type: "bind", Source: join(files, EVENT), Target: `${EVENT_FOLDER}/${EVENT}`, ReadOnly: true },
    { Type: "bind", Source: join(files, OUTPUT), Target: OUTPUT_PATH },
  ];
}

export function tooLarge(): PermanentError {
  return new PermanentError(`${OUTPUT_PATH} is larger than ${LARGEST_OUTPUT} bytes`, {
    code: "INVALID_EVENT",
  });
}

/** @throws SluiceError JOB_LOST if the file is not there any more, so that nobody knows what was emitted */
export async function readOutput(files: string): Promise<Buffer> {
  const path = join(files, OUTPUT);
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error("it is no file any more");
      if (stats.size > LARGEST_OUTPUT) throw tooLarge();
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isPermanentError(cause)) throw cause;
    const why = (cause as Error).message;
    throw new SluiceError("JOB_LOST", `what the container emitted cannot be read (${path}): ${why}`, {
      cause,
    });
  }
}

/**
 * Looks, until the signal aborts, that a container does not fill our disk, which is the journal's too.
 *
 * @throws PermanentError once it has written more than a run may emit
 */
export async function watchOutput(files: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const path = join(files, OUTPUT);
  while (!signal.aborted) {
    await sleep(clock, LOOK, signal);
    // What became of a file that is gone is said once the container has ended.
    const size = await lstat(path).then(
      (stats) => stats.size,
      () => 0,
    );
    if (size > LARGEST_OUTPUT) throw tooLarge();
  }
}

export async function removeFiles(files: string): Promise<void> {
  await rm(files, { recursive: true, force: true });
}

/** Only what lies in our own folder: the path comes back from the engine. */
export function isIn(folder: string, files: string): boolean {
  return dirname(files) === folder;
}

/** Removes the files of runs whose containers are gone. */
export async function sweepFiles(
  folder: string,
  containers: ReadonlySet<string>,
  now: number,
): Promise<void> {
  for (const name of await readdir(folder)) {
    if (containers.has(name.slice(0, name.lastIndexOf("-")))) continue;
    const path = join(folder, name);
    // A run that ends just now removes its own.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }));
    if (mtimeMs + UNBORN < now) await removeFiles(path);
  }
}
