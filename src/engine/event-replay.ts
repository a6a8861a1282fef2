import { SluiceError } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import { Pace } from "../model/pace.ts";
import { readTime } from "../model/query-time.ts";
import { parseRate } from "../model/rate.ts";
import { formatRunId } from "../model/run.ts";
import type { Clock } from "../model/clock.ts";
import type { EventQuery, History } from "../journal/history.ts";
import type { Control, RunSeed, Work } from "../journal/work.ts";
import type { EventReplayReport, EventReplayRequest, SurveyObserver } from "./handles.ts";
import { publishDeadSeed } from "./dead-runs.ts";
import { toEventRecord } from "./event-record.ts";
import { endOf, paced } from "./operator.ts";
import type { Routing } from "./routing.ts";

export interface EventReplaysOptions {
  readonly pipeline: string;
  readonly work: Work;
  readonly history: History;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly isOrdered: (process: string) => boolean;
  /** @throws SluiceError UNKNOWN_NAME if the process is gone, or on its way out */
  readonly expectProcess: (name: string) => void;
  /** Ends what goes on: the pipeline stops. */
  readonly stopping: AbortSignal;
}

const SAMPLES = 5;
const PAGE = 1_000;

/**
 * Sends events of the past to a process, oldest first: a new one, or one behind a new link. Safe to repeat: an event
 * that has a run there is left, unless its run is to be replayed.
 */
export class EventReplays {
  readonly #options: EventReplaysOptions;

  constructor(options: EventReplaysOptions) {
    this.#options = options;
  }

  /** @throws SluiceError INVALID_QUERY, INVALID_OPTIONS, CANCELLED, SHUTDOWN */
  async run(request: EventReplayRequest, observer: SurveyObserver): Promise<EventReplayReport> {
    const { to, rate, dryRun = false, again = false, unlinked = false } = request;
    const { clock, history } = this.#options;
    const query = toQuery(request, clock.now());
    const pace = new Pace(rate === undefined ? undefined : parseRate(rate), clock);
    const signal = endOf(observer, this.#options.stopping);
    const samples: string[] = [];
    let matched = 0;
    let replayed = 0;
    let cursor: string | null = null;
    do {
      signal.throwIfAborted();
      const page = await history.events(cursor === null ? query : { ...query, cursor });
      const ways = page.items
        .map((row) => toEventRecord(row))
        .map((event) => ({ event, seed: this.#seedFor(to, event, unlinked) }))
        .filter((way): way is Way => way.seed !== undefined);
      samples.push(...ways.slice(0, SAMPLES - samples.length).map(({ event }) => event.uid));
      matched += ways.length;
      const sent: Promise<number>[] = [];
      while (!dryRun && ways.length > 0) {
        const count = await paced(pace, signal);
        // It may have been removed while its rate was waited for: a run that nobody has would be open for ever.
        this.#options.expectProcess(to);
        const sending = this.#send(ways.splice(0, count), again);
        sent.push(sending);
        // Should the next one be cut off, this one's failure is not the news.
        sending.catch(() => undefined);
        // Without a rate, a page goes at once: its commits share their syncs, and take effect in this order.
        if (rate === undefined) continue;
        await sending;
        observer.onProgress?.({ location: to, done: matched - ways.length, total: null });
      }
      replayed += (await Promise.all(sent)).reduce((sum, count) => sum + count, 0);
      observer.onProgress?.({ location: to, done: matched, total: null });
      cursor = page.next;
    } while (cursor !== null);
    return { matched, replayed, samples };
  }

  #seedFor(process: string, event: EventRecord, unlinked: boolean): RunSeed | undefined {
    const { routing } = this.#options;
    const seed = routing.seeds(event).find((one) => one.process === process);
    return seed ?? (unlinked ? routing.seedFor(process, event) : undefined);
  }

  /** Answers how many runs it made or replayed. One that was made meanwhile, or that is open, is left. */
  async #send(ways: readonly Way[], again: boolean): Promise<number> {
    const left = again ? await this.#replay(ways) : ways;
    const made = await this.#commit(
      left.map(({ event: { uid }, seed }) => ({ type: "route", event: uid, seed })),
    );
    for (const [i, { event, seed }] of left.entries()) {
      if (made[i]?.ok === true) publishDeadSeed(this.#options.pipeline, event, seed);
    }
    return ways.length - left.length + made.filter((result) => result.ok).length;
  }

  /** Answers those without a run, or with an open one, which takes no other. */
  async #replay(ways: readonly Way[]): Promise<readonly Way[]> {
    const results = await this.#commit(
      ways.map(({ event, seed: { process } }) => ({
        type: "replay",
        run: formatRunId(event.uid, process),
        ordered: this.#options.isOrdered(process),
      })),
    );
    return ways.filter((_, i) => results[i]?.ok !== true);
  }

  async #commit(control: readonly Control[]): Promise<readonly { readonly ok: boolean }[]> {
    if (control.length === 0) return [];
    return (await this.#options.work.commit({ control })).control;
  }
}

interface Way {
  readonly event: EventRecord;
  readonly seed: RunSeed;
}

/** @throws SluiceError INVALID_QUERY */
function toQuery({ filter, to, again = false }: EventReplayRequest, now: number): EventQuery {
  if (Object.keys(filter).length === 0) {
    throw new SluiceError(
      "INVALID_QUERY",
      "a replay of events needs a filter, such as an input, a location or a time",
    );
  }
  const { input, since, until, ...rest } = filter;
  return {
    ...rest,
    ...(!again && { without: to }),
    ...(input !== undefined && { trigger: input }),
    ...(since !== undefined && { since: readTime("since", since) }),
    // What comes in meanwhile takes the way of all events.
    until: until === undefined ? now : readTime("until", until),
    oldestFirst: true,
    limit: PAGE,
  };
}
