import { resolve } from "node:path";
import { sleep } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { isSluiceError, SluiceError } from "../../model/errors.ts";
import { folderWithin } from "./after.ts";
import { unreadable } from "./faults.ts";
import { Ledger } from "./ledger.ts";
import { Look } from "./look.ts";
import type { ResolvedOptions } from "./options.ts";
import { becameOther, resolvePlace, signatureOf, type Place } from "./place.ts";
import { Queue } from "./queue.ts";
import { watchFolder } from "./watch.ts";

/** Files that are read at a time. Those that are followed are read in turn: a rotation is about several. */
const CONCURRENCY = 16;

/** One life of the input: from its start to its stop. */
export class FileSession {
  readonly #context: InputContext;
  readonly #options: ResolvedOptions;
  readonly #directory: string;
  readonly #ledger: Ledger;
  /** Ends a rest: something happened, or a look failed. */
  #wake = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  #watched: Watched | undefined;
  /** What it was when it was found first. */
  #isOneFile: boolean | undefined;
  #isLost = false;
  #complaint = "";
  /** Not all of the folder can be notified of. */
  isBlind = false;

  private constructor(context: InputContext, options: ResolvedOptions, directory: string, ledger: Ledger) {
    this.#context = context;
    this.#options = options;
    this.#directory = directory;
    this.#ledger = ledger;
  }

  static async open(
    context: InputContext,
    options: ResolvedOptions,
    directory: string,
  ): Promise<FileSession> {
    return new FileSession(context, options, directory, await Ledger.open(context));
  }

  /**
   * Looks at all files, those that were told of and those that are there. Resolves with `false` if the folder cannot be
   * read: that is reported, and nothing is taken to be deleted.
   */
  async scan(): Promise<boolean> {
    try {
      const watched = await this.#watch();
      await this.#visit(watched);
    } catch (error) {
      if (this.#context.signal.aborted) return false;
      if (isSluiceError(error) && error.code !== "SOURCE_UNAVAILABLE") throw error;
      if (!isSluiceError(error) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
      // The system names the folder that it was asked for, whole: the way to it may be what is wrong.
      const { path = resolve(this.#directory, this.#options.path) } = error as NodeJS.ErrnoException;
      await this.#lose(isSluiceError(error) ? error : unreadable(path, error));
      // A folder that comes later brings nothing but new files.
      await this.#ledger.begin();
      return false;
    }
    if (this.#isLost) {
      this.#context.log.info({ input: this.#context.name }, "the folder is there again");
      this.#complaint = "";
    }
    this.#isLost = false;
    return true;
  }

  /** Waits so long, but no longer than until something happened. @returns whether it did */
  async rest(delay: number): Promise<boolean> {
    const { clock, signal } = this.#context;
    await sleep(clock, delay, AbortSignal.any([signal, this.#wake.signal]));
    if (this.#failure !== undefined) throw this.#failure.error;
    const isHinted = this.#wake.signal.aborted;
    this.#wake = new AbortController();
    return isHinted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watched?.close();
    this.#watched = undefined;
  }

  async #watch(): Promise<Watched> {
    if (this.#watched !== undefined) {
      await this.#watched.place.checkRoot();
      return this.#watched;
    }
    const { signal, clock } = this.#context;
    const place = await resolvePlace(this.#options, this.#directory);
    await place.checkRoot();
    this.#isOneFile ??= place.isOneFile;
    if (this.#isOneFile !== place.isOneFile) throw becameOther(this.#options.path, this.#isOneFile);
    await this.#prepareRemoval(place);
    const look = new Look(this.#context, this.#options, place, this.#ledger, this.#directory);
    await look.putBack();
    const queue = new Queue({
      clock,
      concurrency: this.#options.follow ? 1 : CONCURRENCY,
      look: (location) => look.at(location).finally(() => this.#report(look, queue)),
      onFailure: (error) => {
        this.#failure = { error };
        this.#wake.abort();
      },
    });
    let unwatch: (() => Promise<void>) | undefined;
    if (this.#options.pollInterval === undefined) {
      unwatch = await watchFolder(place, this.#options.followSymlinks, {
        onFile: (location) => {
          if (!signal.aborted) queue.add(location);
        },
        onFolder: () => this.#wake.abort(),
        onError: (error) => {
          this.isBlind = true;
          this.#complain(unreadable(place.root, error));
        },
      });
    }
    this.#watched = {
      place,
      queue,
      look,
      close: async () => {
        await unwatch?.();
        await queue.close();
      },
    };
    return this.#watched;
  }

  async #prepareRemoval(place: Place): Promise<void> {
    if (this.#options.after === "keep") return;
    if (place.isOneFile)
      throw new SluiceError(
        "INVALID_OPTIONS",
        `"after" needs a folder or a glob, as one file that is gone tells nothing of the next`,
      );
    const within = await folderWithin(place.root, this.#options, this.#directory);
    if (within !== undefined) place.exclude(within);
  }

  async #visit({ place, queue, look }: Watched): Promise<void> {
    const { signal, name, log } = this.#context;
    const ledger = this.#ledger;
    const there = new Set<string>();
    const unread = new Set<string>();
    const onUnreadable = (path: string, error: unknown): void => this.#complain(unreadable(path, error));
    for await (const location of place.walk(signal, onUnreadable)) {
      there.add(location);
      if (!(await isKnown(place, ledger, location))) unread.add(location);
      else if (look.isLeaving(location)) queue.add(location);
    }
    if (signal.aborted) return;
    if (!ledger.hasBegun) {
      if (this.#options.initial) await ledger.begin();
      else await look.takeSilently(unread);
    }
    for (const location of unread) queue.add(location);
    let forgotten = 0;
    for (const [location] of ledger.entries()) {
      if (there.has(location)) continue;
      if (place.includes(location)) queue.add(location);
      else {
        await ledger.save(location, null);
        forgotten += 1;
      }
    }
    if (forgotten > 0)
      log.info({ input: name, files: forgotten }, "files that do not count any more are forgotten");
  }

  #report(look: Look, queue: Queue): void {
    const { held, skipped } = look.counts;
    const events = Math.max(0, queue.size - 1);
    this.#context.report({ lag: { events, details: { held, skipped } } });
  }

  async #lose(error: Error): Promise<void> {
    this.#complain(error);
    this.#isLost = true;
    await this[Symbol.asyncDispose]();
  }

  #complain(error: Error): void {
    const { report, log, name } = this.#context;
    report({ error });
    if (this.#complaint !== error.message)
      log.error({ input: name, err: error }, "the folder cannot be watched");
    this.#complaint = error.message;
  }
}

interface Watched {
  readonly place: Place;
  readonly queue: Queue;
  readonly look: Look;
  close(): Promise<void>;
}

async function isKnown(place: Place, ledger: Ledger, location: string): Promise<boolean> {
  const entry = ledger.get(location);
  if (entry === undefined) return false;
  try {
    const stats = await place.stat(location);
    return stats !== undefined && signatureOf(stats) === entry.seen;
  } catch {
    return false;
  }
}
