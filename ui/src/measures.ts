/** Rates and durations from the counts that the stream brings, gathered second by second. */

export interface Stats {
  readonly components: Readonly<Record<string, Counts>>;
}

interface Counts {
  readonly accepted?: number;
  readonly to?: Readonly<Record<string, number>>;
  readonly succeeded?: number;
  readonly failed?: number;
  readonly dead?: number;
  readonly cancelled?: number;
  readonly duration?: number;
}

/** One second. */
export interface Sample {
  readonly at: number;
  /** Events taken, or attempts that succeeded, per second. */
  readonly rate: number;
  /** Attempts that failed per second. */
  readonly failures: number;
  /** Runs that died per second. */
  readonly deaths: number;
  /** Mean of the attempts that ended, in milliseconds; `undefined` if none did. */
  readonly duration: number | undefined;
}

export interface Series {
  readonly samples: readonly Sample[];
  /** The rate as it is shown: smoothed, so that it can be read before it changes. */
  readonly rate: number;
  /** Smoothed events per second to each process. */
  readonly to: ReadonlyMap<string, number>;
  readonly failed: number;
  /** When it last did something, if we saw it: milliseconds since 1970. */
  readonly movedAt: number | undefined;
}

interface Gathered {
  done: number;
  emitted: number;
  failed: number;
  dead: number;
  ended: number;
  duration: number;
  readonly to: Map<string, number>;
}

const KEPT = 120;
/** How much of the rate of a second ago stays in the one of now. */
const INERTIA = 0.5;

let gathered = new Map<string, Gathered>();
let series: ReadonlyMap<string, Series> = new Map();
let since = Date.now();

export function resetMeasures(): void {
  gathered = new Map();
  series = new Map();
  since = Date.now();
}

export function measure({ components }: Stats): void {
  for (const [name, counts] of Object.entries(components)) {
    const sum = gathered.get(name) ?? startGathering(name);
    const succeeded = counts.succeeded ?? 0;
    const failed = counts.failed ?? 0;
    sum.done += succeeded;
    sum.emitted += counts.accepted ?? 0;
    sum.failed += failed;
    sum.dead += counts.dead ?? 0;
    sum.ended += succeeded + failed + (counts.cancelled ?? 0);
    sum.duration += counts.duration ?? 0;
    for (const [process, count] of Object.entries(counts.to ?? {})) {
      sum.to.set(process, (sum.to.get(process) ?? 0) + count);
    }
  }
}

function startGathering(name: string): Gathered {
  const fresh = { done: 0, emitted: 0, failed: 0, dead: 0, ended: 0, duration: 0, to: new Map() };
  gathered.set(name, fresh);
  return fresh;
}

/** Ends the second: what was gathered becomes a sample of every component that is known. */
export function tick(now: number): ReadonlyMap<string, Series> {
  const seconds = Math.max(0.2, (now - since) / 1_000);
  since = now;
  const names = new Set([...series.keys(), ...gathered.keys()]);
  series = new Map(
    [...names].map((name) => [name, extend(series.get(name), gathered.get(name), seconds, now)]),
  );
  gathered = new Map();
  return series;
}

function extend(before: Series | undefined, sum: Gathered | undefined, seconds: number, at: number): Series {
  const per = (count: number): number => count / seconds;
  // What an attempt did counts; an input makes no attempts, so what it emitted does.
  const done = sum === undefined ? 0 : sum.ended > 0 ? sum.done : sum.emitted;
  const sample: Sample = {
    at,
    rate: per(done),
    failures: per(sum?.failed ?? 0),
    deaths: per(sum?.dead ?? 0),
    duration: sum === undefined || sum.ended === 0 ? undefined : sum.duration / sum.ended,
  };
  const to = new Map<string, number>();
  for (const process of new Set([...(before?.to.keys() ?? []), ...(sum?.to.keys() ?? [])])) {
    const rate = smooth(before?.to.get(process), per(sum?.to.get(process) ?? 0));
    if (rate > 0) to.set(process, rate);
  }
  return {
    samples: [...(before?.samples ?? []).slice(1 - KEPT), sample],
    rate: smooth(before?.rate, sample.rate),
    to,
    failed: (before?.failed ?? 0) + (sum?.failed ?? 0),
    movedAt: sum === undefined ? before?.movedAt : at,
  };
}

function smooth(before: number | undefined, now: number): number {
  if (before === undefined || before === 0) return now;
  const value = before * INERTIA + now * (1 - INERTIA);
  return value < 0.05 || (now === 0 && value < 0.4) ? 0 : value;
}

export function rateOf(of: Series | undefined): number {
  return of?.rate ?? 0;
}

/** Whether runs died in the last ten seconds that we watched. */
export function isDying(of: Series | undefined): boolean {
  return of?.samples.slice(-10).some(({ deaths }) => deaths > 0) ?? false;
}
