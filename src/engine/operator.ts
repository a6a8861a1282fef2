import type { Clock } from "../model/clock.ts";
import { SluiceError } from "../model/errors.ts";
import { Pace } from "../model/pace.ts";
import { readTime } from "../model/query-time.ts";
import { parseRate } from "../model/rate.ts";
import { parseRunId, type RunRow } from "../model/run.ts";
import type { History, RunQuery } from "../journal/history.ts";
import type { CommitResult, Control, ControlResult, Work } from "../journal/work.ts";
import type { ForgetReport, ReplayFilter, ReplayOptions, RunOutcome, SurveyObserver } from "./handles.ts";

/** Controls in one commit, at most: a bulk replay must not hold up the events. */
export const CHUNK = 250;

export interface OperatorOptions {
  readonly work: Work;
  readonly history: History;
  readonly clock: Clock;
  readonly isOrdered: (process: string) => boolean;
  /** Ends what takes long: the pipeline stops. */
  readonly stopping?: AbortSignal;
}

/** What an operator does to runs. */
export class Operator {
  readonly #work: Work;
  readonly #options: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#work = options.work;
    this.#options = options;
  }

  cancel(runs: readonly string[]): Promise<readonly RunOutcome[]> {
    const reason = { code: "CANCELLED", message: "cancelled by an operator" };
    return this.#control(runs, (run) => ({ type: "cancel", run, reason }));
  }

  replay(runs: readonly string[], data?: unknown): Promise<readonly RunOutcome[]> {
    const text = data === undefined ? undefined : JSON.stringify(data);
    return this.#control(runs, (run) => {
      const ordered = this.#options.isOrdered(parseRunId(run)?.process ?? "");
      return text === undefined
        ? { type: "replay", run, ordered }
        : { type: "replay", run, ordered, data: text };
    });
  }

  /**
   * Oldest first: with `order = "key"` the earlier run of a key goes before the later one. What comes in meanwhile is
   * left.
   *
   * @throws SluiceError INVALID_QUERY for a filter that says nothing, INVALID_OPTIONS for a rate that is none
   */
  async replayAll(
    filter: ReplayFilter,
    { dryRun = false, rate }: ReplayOptions = {},
    observer: SurveyObserver = {},
  ): Promise<{ matched: number; replayed: number }> {
    const { state, process, event, input, since, until, text, fingerprint } = filter;
    const named = { process, event, input, text, fingerprint };
    if ([state, since, until, ...Object.values(named)].every((one) => one === undefined)) {
      throw new SluiceError(
        "INVALID_QUERY",
        "a bulk replay needs a filter: a state, a process, an event, an input, a time, a text or a fingerprint",
      );
    }
    const { clock, history } = this.#options;
    const pace = new Pace(rate === undefined ? undefined : parseRate(rate), clock);
    const signal = endOf(observer, this.#options.stopping);
    const query: RunQuery = {
      ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
      state: state ?? "dead",
      ...(since !== undefined && { since: readTime("since", since) }),
      ...(until !== undefined && { until: readTime("until", until) }),
      oldestFirst: true,
      limit: 1_000,
    };
    const made = new MadeRuns();
    let matched = 0;
    let replayed = 0;
    let cursor: string | null = null;
    do {
      const page = await history.runs(cursor === null ? query : { ...query, cursor });
      const ids = made.without(page.items).map((run) => run.id);
      matched += ids.length;
      while (!dryRun && ids.length > 0) {
        const outcomes = await this.replay(ids.splice(0, await paced(pace, signal)));
        replayed += outcomes.filter((outcome) => outcome.ok).length;
        made.add(outcomes);
        observer.onProgress?.({ location: process ?? "runs", done: matched - ids.length, total: null });
      }
      cursor = page.next;
    } while (cursor !== null);
    return { matched, replayed };
  }

  /** Blanks what events of a key carry, and their runs'; goes through the journal in small steps. */
  async forget(key: string): Promise<ForgetReport> {
    const total = { events: 0, open: 0 };
    let after: number | null = 0;
    while (after !== null) {
      const { control }: CommitResult = await this.#work.commit({
        control: [{ type: "forget", key, after }],
      });
      const [result] = control;
      if (result?.ok !== true || result.forgotten === undefined) {
        throw new SluiceError("JOURNAL_UNSUPPORTED", "this journal cannot forget a key");
      }
      total.events += result.forgotten.events;
      total.open += result.forgotten.open;
      after = result.forgotten.next;
    }
    return total;
  }

  async #control(runs: readonly string[], control: (run: string) => Control): Promise<readonly RunOutcome[]> {
    const outcomes: RunOutcome[] = [];
    for (let from = 0; from < runs.length; from += CHUNK) {
      const chunk = runs.slice(from, from + CHUNK).map(String);
      const { control: results } = await this.#work.commit({ control: chunk.map(control) });
      for (const [i, id] of chunk.entries()) outcomes.push(toOutcome(id, results[i] as ControlResult));
    }
    return outcomes;
  }
}

/**
 * The runs that a bulk replay made of runs that had succeeded. They stand among those of their event, so that what is
 * read next may have them, once they have succeeded in their turn: they are not to be replayed, and so on for ever.
 */
class MadeRuns {
  #event: string | undefined;
  readonly #ids = new Set<string>();

  add(outcomes: readonly RunOutcome[]): void {
    for (const { id, run } of outcomes) {
      if (run === undefined || run === id) continue;
      const event = parseRunId(run)?.event;
      // Later pages have runs of the last event and of newer ones.
      if (event !== this.#event) this.#ids.clear();
      this.#event = event;
      this.#ids.add(run);
    }
  }

  without(runs: readonly RunRow[]): readonly RunRow[] {
    return this.#ids.size === 0 ? runs : runs.filter(({ id }) => !this.#ids.has(id));
  }
}

/** The signal that ends what somebody asked for. */
export function endOf({ signal }: SurveyObserver, stopping: AbortSignal | undefined): AbortSignal {
  return AbortSignal.any([signal, stopping].filter((one) => one !== undefined));
}

/**
 * How many may go now.
 *
 * @throws SluiceError CANCELLED if whoever asked is gone, SHUTDOWN
 */
export async function paced(pace: Pace, signal: AbortSignal): Promise<number> {
  const count = await pace.next(CHUNK, signal);
  if (count > 0) return count;
  if (signal.reason instanceof SluiceError) throw signal.reason;
  throw new SluiceError("SHUTDOWN", "the pipeline stops; what was replayed is kept");
}

function toOutcome(id: string, result: ControlResult): RunOutcome {
  if (!result.ok) return { id, ...result };
  return result.run === undefined ? { id, ok: true } : { id, ok: true, run: result.run };
}
