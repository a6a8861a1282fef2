import { watch } from "chokidar";
import type { Place } from "./place.ts";

export interface Hints {
  /** Something happened to a file. */
  readonly onFile: (location: string) => void;
  /** Something happened that only a scan can tell. */
  readonly onFolder: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Is notified of what happens in a folder. These are hints where to look, and may be late, doubled or missing: what is
 * there decides.
 */
export async function watchFolder(
  place: Place,
  followSymlinks: boolean,
  { onFile, onFolder, onError }: Hints,
): Promise<() => Promise<void>> {
  const watcher = watch(place.root, {
    ignoreInitial: true,
    followSymlinks,
    atomic: false,
    ignored: (path, stats) => {
      if (place.prunes(path)) return true;
      const location = place.location(path);
      return stats?.isFile() === true && location !== undefined && !place.includes(location);
    },
    ...(Number.isFinite(place.depth) && { depth: place.depth }),
  });
  watcher.on("all", (event, path) => {
    const location = place.location(path);
    if (location !== undefined && place.includes(location)) onFile(location);
    if (event === "unlinkDir" || event === "addDir") onFolder();
  });
  watcher.on("error", onError);
  await new Promise<void>((resolve) => {
    watcher.once("ready", resolve);
    watcher.once("error", () => resolve());
  });
  return () => watcher.close();
}
