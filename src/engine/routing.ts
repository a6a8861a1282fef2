import type { ErrorRecord } from "../model/errors.ts";
import { orderingKey, type EventRecord } from "../model/event.ts";
import { parseRunId } from "../model/run.ts";
import type { RunSeed, Work } from "../journal/work.ts";
import type { Match, Route } from "../topology/types.ts";

interface Source {
  readonly route: Route;
  /** The last answer of a route that needs nothing of the event, and what it stands for. */
  matches: readonly Match[] | undefined;
  seeds: readonly RunSeed[];
}

export interface RoutingOptions {
  readonly route: (source: string) => Route;
  readonly isOrdered: (process: string) => boolean;
  readonly hopLimit: number;
}

/** Turns an event into the runs that it makes: one a process that it matches. */
export class Routing {
  readonly #options: RoutingOptions;
  readonly #sources = new Map<string, Source>();

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /** To be called whenever the topology or a process changed. */
  reset(): void {
    this.#sources.clear();
  }

  seeds(event: EventRecord): readonly RunSeed[] {
    const source = this.#sources.get(event.trigger) ?? this.#addSource(event.trigger);
    const matches = source.route(event);
    const overLimit = event.cause !== null && event.cause.hops > this.#options.hopLimit;
    if (overLimit) return matches.map((match) => ({ process: match.process, dead: this.#hopLimit(event) }));
    if (matches === source.matches) return source.seeds;
    const seeds = matches.map((match) => this.#seed(match, event));
    const needsEvent = seeds.some((seed) => seed.key !== undefined || seed.dead !== undefined);
    if (!needsEvent) {
      source.matches = matches;
      source.seeds = seeds;
    }
    return seeds;
  }

  /** The seed of one process, outside any link: for an old event that an operator routes to it. */
  seedFor(process: string, event: EventRecord): RunSeed {
    return this.#seed({ process }, event);
  }

  #addSource(name: string): Source {
    const source: Source = { route: this.#options.route(name), matches: undefined, seeds: [] };
    this.#sources.set(name, source);
    return source;
  }

  #seed(match: Match, event: EventRecord): RunSeed {
    if (match.error !== undefined) return { process: match.process, dead: match.error };
    if (this.#options.isOrdered(match.process)) return { process: match.process, key: orderingKey(event) };
    return { process: match.process };
  }

  #hopLimit(event: EventRecord): ErrorRecord {
    const { hopLimit } = this.#options;
    return {
      code: "HOP_LIMIT",
      message: `the event was caused over ${event.cause?.hops} hops, more than the limit of ${hopLimit}: a loop was broken here; the runs that led to it are in the event's cause`,
    };
  }
}

/** Whether an event has a cause from outside, whose hops are to be filled in. */
export function lacksHops({ cause }: EventRecord): boolean {
  return cause !== null && cause.hops === 0 && cause.runs.length > 0;
}

/**
 * Fills in the hops of causes that come from outside (a database, a header), which name runs but cannot be trusted to
 * count. Runs that this journal does not know count as the first.
 */
export async function withHops(events: readonly EventRecord[], work: Work): Promise<readonly EventRecord[]> {
  const known = await work.hops(events.filter(lacksHops).flatMap(causingEvents));
  return events.map((event) => {
    if (event.cause === null || !lacksHops(event)) return event;
    const hops = Math.max(0, ...causingEvents(event).map((uid) => known.get(uid) ?? 0)) + 1;
    return { ...event, cause: { ...event.cause, hops } };
  });
}

function causingEvents(event: EventRecord): string[] {
  const runs = event.cause?.runs ?? [];
  return runs.map((run) => parseRunId(run)?.event).filter((uid) => uid !== undefined);
}
