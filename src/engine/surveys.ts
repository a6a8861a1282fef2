import { waitAtMost, type Clock } from "../model/clock.ts";
import type { ComponentState, Input, SurveyContext } from "../model/component.ts";
import type { KnownRecord, ReadOutcome, SourceRead } from "../model/survey.ts";
import { SluiceError } from "../model/errors.ts";
import { EVERY_RECORD } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import type { Random } from "../model/uid.ts";
import type { Operation } from "../model/operation.ts";
import type { Page, SeenQuery, SeenRow } from "../journal/history.ts";
import type { Journal } from "../journal/journal.ts";
import type { RegisteredInput } from "./components.ts";
import { EmissionWatch } from "./emission-watch.ts";
import type { Emitter } from "./emitter.ts";
import type { SurveyObserver } from "./handles.ts";

export interface SurveysOptions {
  readonly pipeline: string;
  readonly journal: Journal;
  readonly emitter: Emitter;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: (input: string) => Logger;
  /** The input of this name, unless it is gone or on its way out. */
  readonly current: (input: string) => RegisteredInput | undefined;
}

interface Running {
  readonly registered: RegisteredInput;
  readonly outdated: AbortController;
  readonly ended: Promise<unknown>;
}

/** Operations that the input must let through, with what is told of one that it does not. */
type Needs = Readonly<Partial<Record<Operation, string>>>;
type Survey<Report> = (input: Input, context: SurveyContext) => Promise<Report> | undefined;

/** Backfills and audits: at most one at a time of each input, beside its own listening. */
export class Surveys {
  readonly #options: SurveysOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, Running>();

  constructor(options: SurveysOptions) {
    this.#options = options;
  }

  /**
   * @param needs what of it must not be filtered out
   * @throws SluiceError UNKNOWN_NAME, INVALID_OPTIONS, ALREADY_STARTED, and what the input throws
   */
  async run<Report>(
    what: "backfill" | "audit",
    registered: RegisteredInput,
    observer: SurveyObserver,
    needs: Needs,
    survey: Survey<Report>,
  ): Promise<Report> {
    const { input } = registered;
    const { name } = input;
    this.#expectAble(what, registered, needs);
    const { emitter, clock } = this.#options;
    const outdated = new AbortController();
    const signals = [this.#stopping.signal, outdated.signal];
    const signal = AbortSignal.any(observer.signal === undefined ? signals : [...signals, observer.signal]);
    const watch = new EmissionWatch(clock.monotonic());
    signal.throwIfAborted();
    emitter.watch(name, watch);
    const context = this.#context(name, signal, watch, observer);
    const running = (async () => survey(input, context) as Promise<Report>)();
    this.#running.set(name, { registered, outdated, ended: running });
    try {
      return await running;
    } finally {
      emitter.unwatch(name);
      this.#running.delete(name);
    }
  }

  /**
   * To be called after every change of the pipeline, before anything is awaited: ends those whose input is gone, or
   * another one now, and what they have read counts no more.
   */
  endOutdated(): void {
    for (const [name, { registered, outdated }] of this.#running) {
      const current = this.#options.current(name);
      if (current !== registered) outdated.abort(endedError(name, current !== undefined));
    }
  }

  /** Ends those that run; resolves when they have, or after `grace` milliseconds. */
  async stop(grace: number): Promise<void> {
    this.#stopping.abort(new SluiceError("SHUTDOWN", "the pipeline stops; what was done is kept"));
    const ended = [...this.#running.values()].map((running) => running.ended);
    await waitAtMost(this.#options.clock, grace, Promise.allSettled(ended));
  }

  #expectAble(what: "backfill" | "audit", registered: RegisteredInput, needs: Needs): void {
    const { input, settings } = registered;
    const { name, type = "custom" } = input;
    if (this.#options.current(name) !== registered) {
      throw new SluiceError("UNKNOWN_NAME", `input "${name}" is being removed; it takes no ${what} any more`);
    }
    if (typeof input[what] !== "function") {
      throw new SluiceError("INVALID_OPTIONS", `input "${name}" of type ${type} cannot ${what}`);
    }
    for (const [operation, why] of Object.entries(needs) as [Operation, string][]) {
      if (settings.operations === undefined || settings.operations.has(operation)) continue;
      const cure = `add "${operation}" to its operations, and to those of the links that should have it`;
      throw new SluiceError(
        "INVALID_OPTIONS",
        `input "${name}" lets no "${operation}" through, which is what ${why}; ${cure}`,
      );
    }
    if (this.#running.has(name)) {
      throw new SluiceError(
        "ALREADY_STARTED",
        `a backfill or audit of input "${name}" is under way; wait for its end`,
      );
    }
  }

  #context(
    name: string,
    signal: AbortSignal,
    watch: EmissionWatch,
    { onProgress }: SurveyObserver,
  ): SurveyContext {
    const { emitter, journal, pipeline, clock, random, logger } = this.#options;
    return {
      name,
      pipeline,
      journalId: journal.id,
      signal,
      log: logger(name),
      clock,
      random,
      state: onlyUntil(signal, emitter.state(name)),
      async emitRead(read: () => Promise<SourceRead>): Promise<ReadOutcome> {
        signal.throwIfAborted();
        watch.beginRead(clock.monotonic());
        const { events, state } = await read();
        signal.throwIfAborted();
        // From here until the commit is called nothing is awaited: commits take effect in the order of their calls.
        const left = events.filter((event) => !watch.has(event.location ?? name, String(event.id ?? "")));
        await emitter.emitSurveyed(name, left, state);
        return { emitted: left.length, overtaken: events.length - left.length };
      },
      seen: (location, ids, tell) => findSeen(journal, { trigger: name, location, ids }, signal, tell),
      progress: (location, done, total) => onProgress?.({ location, done, total }),
    };
  }
}

function endedError(name: string, isReplaced: boolean): SluiceError {
  const what = isReplaced
    ? `input "${name}" was replaced by a changed one; do the same again to go on with that`
    : `input "${name}" was removed`;
  return new SluiceError("SHUTDOWN", `${what}; what was done until then is kept`);
}

/** State that is another's once the signal has aborted: its keys are the input's own. */
function onlyUntil(signal: AbortSignal, state: ComponentState): ComponentState {
  return {
    get: (key) => state.get(key),
    async put(key, value, ifVersion) {
      signal.throwIfAborted();
      await state.put(key, value, ifVersion);
    },
  };
}

/** Asks page by page, newest first: a record's first answer is its newest. */
async function findSeen(
  { history }: Journal,
  { ids, ...records }: Pick<SeenQuery, "trigger" | "location" | "ids">,
  signal: AbortSignal,
  tell?: (newest: KnownRecord) => void,
): Promise<ReadonlyMap<string, Operation>> {
  const found = new Map<string, Operation>();
  const left = new Set(ids);
  let cursor: string | null = null;
  do {
    signal.throwIfAborted();
    const page: Page<SeenRow> = await history.seen({
      ...records,
      ids: [...left, EVERY_RECORD],
      withData: tell !== undefined,
      ...(cursor !== null && { cursor }),
    });
    for (const { id, operation, data = null, mayBeStale = false } of page.items) {
      if (id === EVERY_RECORD && operation === "delete") return withDeleted(found, left);
      if (!left.delete(id)) continue;
      found.set(id, operation);
      tell?.({ id, operation, data: data === null ? undefined : JSON.parse(data), mayBeStale });
    }
    cursor = page.next;
  } while (cursor !== null && left.size > 0);
  return found;
}

/** Whatever was seen of a record before all were deleted, it is deleted. */
function withDeleted(found: Map<string, Operation>, left: ReadonlySet<string>): Map<string, Operation> {
  for (const id of left) found.set(id, "delete");
  return found;
}
