import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { SluiceError } from "../../model/errors.ts";
import { unreadable } from "./faults.ts";
import type { ResolvedOptions } from "./options.ts";
import { resolvePlace } from "./place.ts";

const WATCHES = "/proc/sys/fs/inotify/max_user_watches";
const INSTANCES = "/proc/sys/fs/inotify/max_user_instances";
const FEW_INSTANCES = 16;

/** Whether the folder can be read, and whether the kernel lets us be notified of all of its folders. */
export async function checkPlace(options: ResolvedOptions, directory: string): Promise<void> {
  const place = await resolvePlace(options, directory);
  try {
    await place.checkRoot();
    await access(place.root, constants.R_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw unreadable(place.root, error);
  }
  if (options.pollInterval !== undefined) return;
  const folders = new Set<string>();
  for await (const location of place.walk(new AbortController().signal, refuse))
    folders.add(location.slice(0, location.lastIndexOf("/")));
  await checkInotify(folders.size + 1, place.root);
}

/** One watch a folder, so far as it can be known: those of other programs are not told. */
export async function checkInotify(folders: number, root: string): Promise<void> {
  const [watches, instances] = await Promise.all([readNumber(WATCHES), readNumber(INSTANCES)]);
  if (watches !== undefined && folders > watches)
    throw new SluiceError(
      "SOURCE_UNAVAILABLE",
      `${root} has ${folders} folders, more than the ${watches} that the system notifies of; raise fs.inotify.max_user_watches, or set poll_interval`,
      { details: { cure: `sysctl fs.inotify.max_user_watches=${2 * folders}` } },
    );
  if (instances !== undefined && instances < FEW_INSTANCES)
    throw new SluiceError(
      "SOURCE_UNAVAILABLE",
      `the system has only ${instances} inotify instances for each user; raise fs.inotify.max_user_instances, or set poll_interval`,
      { details: { cure: "sysctl fs.inotify.max_user_instances=128" } },
    );
}

function refuse(path: string, error: unknown): never {
  throw unreadable(path, error);
}

async function readNumber(path: string): Promise<number | undefined> {
  const value = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
  return Number.isFinite(value) ? value : undefined;
}
