import type { DatabaseSync } from "node:sqlite";
import { SluiceError } from "../../../model/errors.ts";
import { toJournalError } from "../failure.ts";
import type { TakenRun } from "../layout.ts";
import { Reader } from "./reader.ts";

/** One question to the reader. */
export interface ReaderCall {
  readonly method:
    | "events"
    | "event"
    | "journey"
    | "runs"
    | "run"
    | "attempts"
    | "logs"
    | "deadLetters"
    | "counters"
    | "seen";
  readonly argument: unknown;
  /** A second one, of `logs`. */
  readonly query?: unknown;
  readonly taken: readonly TakenRun[];
  /** No event that was accepted since has been pruned: milliseconds since 1970. Defaults to all time. */
  readonly keptSince?: number;
}

/**
 * Answers a call from one consistent view of the journal.
 *
 * @throws SluiceError INVALID_QUERY, JOURNAL_DAMAGED, JOURNAL_IO
 */
export function createCallReader(database: DatabaseSync, path: string): (call: ReaderCall) => unknown {
  const reader = new Reader(database, path);
  return (call) => {
    try {
      database.exec("begin");
      return answer(reader, call);
    } catch (error) {
      // Text that the journal wrote as JSON is JSON, unless the disk changed it.
      if (error instanceof SyntaxError) {
        throw new SluiceError(
          "JOURNAL_DAMAGED",
          `journal ${path}: what should be JSON is none (${error.message}); restore a backup`,
          { cause: error },
        );
      }
      throw toJournalError(error, path);
    } finally {
      if (database.isTransaction) database.exec("commit");
    }
  };
}

function answer(reader: Reader, { method, argument, query, taken, keptSince }: ReaderCall): unknown {
  const byKey = new Map(taken.map((run) => [run.key, run]));
  switch (method) {
    case "events":
      return reader.events(argument as never);
    case "event":
      return reader.event(argument as string);
    case "journey":
      return reader.journey(argument as string, byKey);
    case "runs":
      return reader.runs(argument as never, byKey);
    case "run":
      return reader.run(argument as string, byKey);
    case "attempts":
      return reader.attempts(argument as string, byKey);
    case "logs":
      return reader.logs(argument as string, query as never);
    case "deadLetters":
      return reader.deadLetters();
    case "seen":
      return reader.seen(argument as never, keptSince);
    case "counters":
      return reader.counters(byKey);
  }
}
