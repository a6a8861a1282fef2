import { constants, type BigIntStats } from "node:fs";
import { lstat, open, opendir, realpath, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, posix, relative, resolve, sep } from "node:path";
import { SluiceError } from "../../model/errors.ts";
import { PATH_CURE } from "./faults.ts";
import type { ResolvedOptions } from "./options.ts";

/** Where the files are, and which of them count. A file's location is `path` as it was given, and what lies below. */
export interface Place {
  /** The folder, absolute. */
  readonly root: string;
  /** Levels of folders below it that may hold files of its. */
  readonly depth: number;
  /** Whether it is about one file. */
  readonly isOneFile: boolean;
  includes(location: string): boolean;
  /** Whether nothing below a folder can count. */
  prunes(path: string): boolean;
  /** Leaves out a folder within it. */
  exclude(folder: string): void;
  absolute(location: string): string;
  /** `undefined` for what lies outside of the folder. */
  location(path: string): string | undefined;
  /** @throws what `stat` throws if the folder is not there */
  checkRoot(): Promise<void>;
  hasRoot(): Promise<boolean>;
  /** All locations, sorted within their folder. Folders that cannot be read are told, and left out. */
  walk(signal: AbortSignal, onUnreadable: (path: string, error: unknown) => void): AsyncGenerator<string>;
  /** `undefined` if there is no such file: gone, no regular file, or a link that is not followed. */
  stat(location: string): Promise<BigIntStats | undefined>;
  /** Opens what `stat` would answer. `undefined` if it is gone meanwhile. */
  open(location: string): Promise<FileHandle | undefined>;
}

/** What a file is called while it is taken away: a name that never counts. */
export const LEAVING = ".sluice-leaving-";

/** Answers that are remembered: globs are slow. */
const MOST_KNOWN = 50_000;
const MAGIC = /[*?[\]{}]/;

/** A file's size, time and inode: as long as it is the same, the content is taken to be. */
export function signatureOf(stats: BigIntStats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}

export function inodeOf(signature: string): string {
  return signature.slice(0, signature.indexOf(":"));
}

export async function resolvePlace(options: ResolvedOptions, directory: string): Promise<Place> {
  const given = posix.normalize(sep === "\\" ? options.path.replaceAll("\\", "/") : options.path);
  const parts = given.split("/");
  const magic = parts.findIndex((part) => MAGIC.test(part));
  if (magic !== -1)
    return createPlace(options, directory, parts.slice(0, magic).join("/"), parts.slice(magic).join("/"));
  const isFile = (await stat(resolve(directory, given)).catch(() => undefined))?.isFile() === true;
  if (isFile) return createPlace(options, directory, posix.dirname(given), undefined, posix.basename(given));
  return createPlace(options, directory, given.replace(/\/$/, ""));
}

/** @param base the folder as it was given; `""` is the config file's own, or the root for an absolute glob */
function createPlace(
  options: ResolvedOptions,
  directory: string,
  base: string,
  glob?: string,
  only?: string,
): Place {
  const isAtTop = base === "" && options.path.startsWith("/");
  const prefix = isAtTop ? "/" : base === "" || base === "." ? "" : base === "/" ? "/" : `${base}/`;
  const root = isAtTop ? "/" : resolve(directory, base);
  const depth =
    only !== undefined
      ? 0
      : glob === undefined || glob.includes("**")
        ? Infinity
        : glob.split("/").length - 1;
  const names = options.ignore.filter((pattern) => !pattern.includes("/"));
  const paths = options.ignore.filter((pattern) => pattern.includes("/"));
  const known = new Map<string, boolean>();
  let excluded: string | undefined;

  const isLeftOut = (path: string): boolean => {
    const name = posix.basename(path);
    if (path === excluded || name.startsWith(LEAVING)) return true;
    if (!options.dotfiles && name.startsWith(".")) return true;
    return (
      names.some((pattern) => posix.matchesGlob(name, pattern)) ||
      paths.some((pattern) => posix.matchesGlob(path, pattern))
    );
  };
  const isBelowLeftOut = (path: string): boolean => {
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1))
      if (isLeftOut(path.slice(0, at))) return true;
    return false;
  };
  const decide = (path: string): boolean => {
    if (only !== undefined) return path === only;
    if (path === "" || isBelowLeftOut(path) || isLeftOut(path)) return false;
    return glob === undefined || posix.matchesGlob(path, glob);
  };
  const below = (location: string): string => location.slice(prefix.length);

  const place: Place = {
    root,
    depth,
    isOneFile: only !== undefined,
    includes(location) {
      let includes = known.get(location);
      if (includes === undefined) {
        if (known.size >= MOST_KNOWN) known.clear();
        includes = location.startsWith(prefix) && decide(below(location));
        known.set(location, includes);
      }
      return includes;
    },
    prunes(path) {
      const inside = relative(root, path).split(sep).join("/");
      return inside !== "" && (isBelowLeftOut(inside) || isLeftOut(inside));
    },
    exclude(folder) {
      excluded = folder;
      known.clear();
    },
    absolute: (location) => join(root, below(location)),
    location(path) {
      const inside = relative(root, path);
      // A name may begin with two dots: `..data` of a mounted ConfigMap does.
      if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside))
        return undefined;
      return prefix + inside.split(sep).join("/");
    },
    async checkRoot() {
      const stats = await stat(root);
      if (!stats.isDirectory())
        throw new SluiceError(
          "SOURCE_UNAVAILABLE",
          `${root} is no folder, so there is nothing to watch in it`,
          { details: { cure: PATH_CURE } },
        );
      if (only !== undefined && (await isFolder(join(root, only)))) throw becameOther(join(root, only), true);
    },
    hasRoot: () =>
      place.checkRoot().then(
        () => true,
        () => false,
      ),
    async *walk(signal, onUnreadable) {
      yield* walkFolder(root, [await realpath(root)], signal, onUnreadable);
    },
    async stat(location) {
      try {
        const path = place.absolute(location);
        if (!options.followSymlinks && !isInside(await realpath(root), await realpath(path)))
          return undefined;
        const stats = await stat(path, { bigint: true });
        return stats.isFile() ? stats : undefined;
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    },
    async open(location) {
      const path = place.absolute(location);
      let file: FileHandle;
      try {
        // Nothing is waited for, should it have become a pipe.
        file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
      if (await isStillIts(file, location)) return file;
      await file.close();
      return undefined;
    },
  };

  /** A link may have been put in its place: what was opened must be what its path leads to, within the folder. */
  async function isStillIts(file: FileHandle, location: string): Promise<boolean> {
    const [opened, found] = await Promise.all([file.stat({ bigint: true }), place.stat(location)]);
    return found !== undefined && opened.ino === found.ino && opened.dev === found.dev;
  }

  async function* walkFolder(
    folder: string,
    above: readonly string[],
    signal: AbortSignal,
    onUnreadable: (path: string, error: unknown) => void,
  ): AsyncGenerator<string> {
    const entries = [];
    for await (const entry of await opendir(folder)) entries.push(entry);
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (signal.aborted) return;
      const path = join(folder, entry.name);
      const location = place.location(path) as string;
      let isFolder = entry.isDirectory();
      if (entry.isSymbolicLink() && options.followSymlinks)
        isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
      const counts = isFolder
        ? above.length <= depth && !place.prunes(path)
        : (entry.isFile() || entry.isSymbolicLink()) && place.includes(location);
      if (!counts) continue;
      if (await isUnnameable(path)) {
        onUnreadable(path, new Error("its name is not UTF-8, so that no event could tell it; rename it"));
        continue;
      }
      if (!isFolder) {
        yield location;
        continue;
      }
      const real = options.followSymlinks ? await realpath(path).catch(() => undefined) : path;
      if (real === undefined || above.includes(real)) continue;
      try {
        yield* walkFolder(path, [...above, real], signal, onUnreadable);
      } catch (error) {
        if (!isGone(error)) onUnreadable(path, error);
      }
    }
  }

  return place;
}

/** What is not UTF-8 in a name reads as U+FFFD, and leads to no file; unless there is one that is really named so. */
async function isUnnameable(path: string): Promise<boolean> {
  return basename(path).includes("\ufffd") && (await lstat(path).catch(() => undefined)) === undefined;
}

function isInside(folder: string, path: string): boolean {
  return folder === "/" || path === folder || path.startsWith(folder + sep);
}

/** What was told of the one would be taken for deleted, or told twice. */
export function becameOther(path: string, wasOneFile: boolean): SluiceError {
  const [before, now] = wasOneFile ? ["file", "folder"] : ["folder", "file"];
  const message = `${path} was a ${before} and is a ${now} now; restart the input if that is meant`;
  return new SluiceError("SOURCE_UNAVAILABLE", message);
}

export function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}

/** Other files of the same folder with that inode: where a log that was rotated has gone. */
export async function findRotated(path: string, inode: string): Promise<string | undefined> {
  const folder = dirname(path);
  for await (const entry of await opendir(folder)) {
    if (!entry.isFile() || entry.name === basename(path)) continue;
    const other = join(folder, entry.name);
    const stats = await stat(other, { bigint: true }).catch(() => undefined);
    if (stats !== undefined && String(stats.ino) === inode) return other;
  }
  return undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
