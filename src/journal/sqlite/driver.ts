import { parseDuration } from "../../model/duration.ts";
import { SluiceError } from "../../model/errors.ts";
import { createUidSource } from "../../model/uid.ts";
import type { Change, Coordination } from "../coordination.ts";
import type { Journal, JournalDriver, JournalSurroundings, Retention } from "../journal.ts";
import { Client } from "./client/client.ts";
import { WriterLink } from "./client/writer-link.ts";
import { prepareFile } from "./file-system.ts";
import type { ResolvedRetention } from "./layout.ts";
import { takeOwnership } from "./owner-lock.ts";
import { createHistoryClient } from "./reader/history-client.ts";

export interface SqliteJournalOptions {
  readonly retention?: Retention;
  /** For tests: failures on demand, see `faults.ts`. Defaults to none. */
  readonly faults?: Int32Array;
}

/**
 * A journal in one SQLite file. What was committed survives the death of the process and the loss of power; one
 * process owns it at a time.
 *
 * @param path the file; it and its folder are made if they are missing
 * @throws SluiceError INVALID_DURATION, INVALID_OPTIONS for a retention that is none
 */
export function createSqliteJournal(path: string, options: SqliteJournalOptions = {}): JournalDriver {
  const retention = resolveRetention(options.retention ?? {});
  return {
    location: `sqlite:${path}`,
    open: (surroundings) => open(path, retention, options.faults, surroundings),
  };
}

async function open(
  file: string,
  retention: ResolvedRetention,
  faults: Int32Array | undefined,
  { clock, random, logger }: JournalSurroundings,
): Promise<Journal> {
  const path = prepareFile(file, logger);
  const lock = takeOwnership(path);
  try {
    const now = clock.now();
    const newId = createUidSource(random)(now);
    const { link, hello } = await WriterLink.start({
      path,
      now,
      newId,
      knownId: lock.journalId,
      retention,
      faults,
    });
    if (lock.journalId === undefined) lock.remember(hello.id);
    const listeners = new Set<(change: Change) => void>();
    const paused = new Set(hello.paused);
    const client = new Client({ link, hello, clock, logger, path, onChange: tell });
    const history = createHistoryClient(path, client.windows.claims, () => clock.now() - retention.succeeded);

    function tell(change: Change): void {
      if (change.type === "paused") paused.add(change.name);
      if (change.type === "resumed") paused.delete(change.name);
      for (const listener of listeners) listener(change);
    }

    let closing: Promise<void> | undefined;
    return {
      id: hello.id,
      get epoch() {
        return client.epoch;
      },
      capabilities: { durable: true, shared: false },
      keepsDeadFor: retention.dead,
      stoppedCleanly: hello.stoppedCleanly,
      work: client,
      coordination: coordinate(listeners, paused),
      history: history.history,
      openRuns: () => client.openRuns,
      health: () => client.health,
      close() {
        closing ??= (async () => {
          await history.close();
          try {
            await client.close();
          } finally {
            lock.release();
          }
        })();
        return closing;
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** With one owner, whoever asks for a lease has it. */
function coordinate(listeners: Set<(change: Change) => void>, paused: ReadonlySet<string>): Coordination {
  return {
    async lease(name, signal) {
      if (signal.aborted) return undefined;
      return { name, signal: new AbortController().signal, release: async () => undefined };
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    paused: () => paused,
  };
}

function resolveRetention({
  succeeded = "7d",
  dead = "30d",
  dedupe = "7d",
  maxSize,
}: Retention): ResolvedRetention {
  if (maxSize !== undefined && !(Number.isSafeInteger(maxSize) && maxSize > 0)) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `a journal's largest size must be a whole number of bytes, not ${maxSize}`,
    );
  }
  return {
    succeeded: parseDuration(succeeded),
    dead: parseDuration(dead),
    dedupe: parseDuration(dedupe),
    maxSize: maxSize ?? Number.POSITIVE_INFINITY,
  };
}
