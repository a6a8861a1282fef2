import { createHash } from "node:crypto";
import { constants, type BigIntStats } from "node:fs";
import { copyFile, link, lstat, mkdir, open, realpath, rename, rm, unlink, utimes } from "node:fs/promises";
import { basename, dirname, join, parse, relative, resolve, sep } from "node:path";
import { SluiceError } from "../../model/errors.ts";
import type { ResolvedOptions } from "./options.ts";
import { isGone, LEAVING, signatureOf, type Place } from "./place.ts";

/** A longer one, with what is put before it, may be too long for the system. */
const LONGEST_NAME = 200;

/** Takes away files that were told, to the end. */
export interface Removal {
  /**
   * Deletes or moves what was told, and nothing else. Resolves with `false` if there is another file in its place now.
   *
   * @throws SluiceError SOURCE_UNAVAILABLE if the system does not let us
   */
  remove(location: string, signature: string): Promise<boolean>;
}

/** `undefined` if files stay where they are. */
export function createRemoval(
  options: ResolvedOptions,
  place: Place,
  directory: string,
): Removal | undefined {
  const { after, to } = options;
  if (after === "keep") return undefined;
  return {
    async remove(location, signature) {
      const path = place.absolute(location);
      try {
        const stats = await lstat(path, { bigint: true });
        // A link is not the file that was told.
        if (stats.isSymbolicLink()) return true;
        if (signatureOf(stats) !== signature) return false;
        if (to !== undefined)
          await putInto(resolve(directory, to), relative(place.root, path), path, signature);
        return await removeExactly(path, signature);
      } catch (error) {
        if (isGone(error) && (await isMissing(path))) return true;
        const how = after === "move" ? `moved to ${to}` : "deleted";
        const why = (error as Error).message;
        throw new SluiceError("SOURCE_UNAVAILABLE", `${path} was told, and cannot be ${how}: ${why}`, {
          cause: error,
        });
      }
    },
  };
}

/**
 * Unlinks by a name of our own: a rename is atomic, so that what somebody put in its place meanwhile is noticed before it
 * is gone, and put back.
 */
async function removeExactly(path: string, signature: string): Promise<boolean> {
  const leaving = leavingOf(path);
  await rename(path, leaving);
  if (signatureOf(await lstat(leaving, { bigint: true })) === signature) {
    await unlink(leaving);
    return true;
  }
  await putBack(path);
  return false;
}

/** Gives a file its own name back, if it has lost it; a newer one of that name takes its place, as it would have. */
export async function putBack(path: string): Promise<void> {
  const leaving = leavingOf(path);
  if (await isMissing(leaving)) return;
  if (await isMissing(path)) await rename(leaving, path);
  else await unlink(leaving);
}

function leavingOf(path: string): string {
  const name = basename(path);
  return join(dirname(path), LEAVING + (Buffer.byteLength(name) > LONGEST_NAME ? markOf(name) : name));
}

function markOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** Puts a file into a folder too, unless it is there already: an owner that died may have done so. */
async function putInto(folder: string, inside: string, path: string, signature: string): Promise<void> {
  const plain = join(folder, inside);
  await mkdir(dirname(plain), { recursive: true });
  const { dir, name, ext } = parse(plain);
  // Not the time: the one that is tried after a crash must be the one that was tried before.
  const mark = markOf(signature);
  const marked = join(dir, `${name}.${mark}${ext}`);
  for (const target of [plain, marked]) {
    if ((await tryLink(path, target, mark)) || (await isSameFile(path, target))) return;
  }
  throw new Error(`${plain} and ${marked} are other files; move them away`);
}

/** @returns whether it is done; `false` if there is something of that name */
async function tryLink(path: string, target: string, mark: string): Promise<boolean> {
  try {
    await link(path, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // Another file system, or one without hard links.
    if (code !== "EXDEV" && code !== "EPERM" && code !== "ENOTSUP" && code !== "EMLINK") throw error;
  }
  return tryCopy(path, target, join(dirname(target), `.${mark}.part`));
}

/** Under its name only when it is whole and on the disk. */
async function tryCopy(path: string, target: string, part: string): Promise<boolean> {
  if (!(await isMissing(target))) return false;
  try {
    await copyFile(path, part);
    const { atime, mtime } = await lstat(path);
    await utimes(part, atime, mtime);
    await sync(part);
    await rename(part, target);
    await sync(dirname(target));
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return true;
}

async function sync(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function isSameFile(path: string, target: string): Promise<boolean> {
  const [ours, other] = await Promise.all([lstat(path, { bigint: true }), lstat(target, { bigint: true })]);
  if (ours.dev === other.dev) return ours.ino === other.ino;
  return isCopy(ours, other) && (await hashOf(path)) === (await hashOf(target));
}

/** The time of a copy is as exact as its file system, and Node's numbers, allow. */
function isCopy(ours: BigIntStats, other: BigIntStats): boolean {
  return ours.size === other.size && ours.mtimeMs / 1_000n === other.mtimeMs / 1_000n;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  for await (const chunk of file.createReadStream()) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

/**
 * Where in the watched folder files are moved to, so that they are not told again from there; `undefined` if that is
 * elsewhere. Makes the folder.
 *
 * @throws SluiceError INVALID_OPTIONS if a told file would stay where it is watched
 */
export async function folderWithin(
  root: string,
  { to }: ResolvedOptions,
  directory: string,
): Promise<string | undefined> {
  if (to === undefined) return undefined;
  const folder = resolve(directory, to);
  await mkdir(folder, { recursive: true });
  const inside = relative(await realpath(root), await realpath(folder));
  if (inside === "")
    throw new SluiceError("INVALID_OPTIONS", `"to" is ${root} itself, from which files are to be moved`);
  return inside === ".." || inside.startsWith(`..${sep}`) ? undefined : inside.split(sep).join("/");
}
