import { sleep } from "../../model/clock.ts";
import type { Input, InputContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { defineInput, type InputKind } from "../../model/kind.ts";
import { checkPlace } from "./check.ts";
import { FileSession } from "./session.ts";
import { fileInputOptions, type FileInputOptions, type ResolvedOptions } from "./options.ts";

export type { FileInputOptions, FileRead } from "./options.ts";

/**
 * Watches a folder and tells of files that are new, changed or gone, and of what is in them. What it told of which file is
 * kept in the same commit as the events: a restart tells what happened meanwhile, nothing twice, and goes on in the
 * middle of a file.
 */
export const fileInput: InputKind<FileInputOptions, ResolvedOptions, unknown> = defineInput({
  type: "file",
  summary: "Watches a folder, and emits an event for each file, line or row that is new, changed or gone.",
  options: fileInputOptions,
  readsLocal: () => "reads this machine's files",
  create: (name, options, { directory }) => createFileInput(name, options, directory),
  check: (options, { directory }) => checkPlace(options, directory),
});

/** How often the whole folder is looked at, though it is notified: what a kernel's queue dropped is found then. */
const RESCAN = 60_000;
/** How soon it is looked at again after a hint that only a scan can tell, or if the folder cannot be read. */
const SOON = 200;
const RETRY = 2_000;
/** How often if the system does not notify of all of it. */
const BLIND = 10_000;

function createFileInput(name: string, options: ResolvedOptions, directory: string): Input {
  const every = options.pollInterval === undefined ? RESCAN : parseDuration(options.pollInterval);

  async function handle(context: InputContext): Promise<void> {
    const { signal, clock } = context;
    if (signal.aborted) return;
    await using session = await FileSession.open(context, options, directory);
    context.ready();
    while (!signal.aborted) {
      const isRead = await session.scan();
      const longest = !isRead ? RETRY : session.isBlind ? BLIND : every;
      const isHinted = await session.rest(Math.min(every, longest));
      if (isHinted) await sleep(clock, SOON, signal);
    }
  }

  return { name, type: "file", announcesReady: true, reads: [datasetOf(options.path)], handle };
}

/** As `parseDataset` takes it: a file has no host, so its namespace is in its name. */
function datasetOf(path: string): string {
  return `file:${path}`;
}
