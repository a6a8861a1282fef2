// What cost is plotted against, and what of it.
import { fillJournal } from "../fill-journal.ts";
import type { ThroughputOptions } from "../programs/throughput.ts";
import type { Sampling, Scenario } from "../scenario.ts";
import { throughput } from "../scenarios/throughput.ts";
import { inShort } from "./plot.ts";

export interface Curve extends Pick<Scenario, "samples" | "prepare"> {
  /** Of its plot's file. */
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly metrics: readonly Metric[];
}

export interface Metric {
  readonly label: string;
  readonly digits: number;
  readonly of: (sample: Readonly<Record<string, number>>) => number;
}

const named = (label: string, name: string, digits: number, factor = 1): Metric => ({
  label,
  digits,
  of: (sample) => (sample[name] ?? Number.NaN) * factor,
});

const RATE = named("events/s", "rate", 0);
// Seconds for ten thousand are tenths of a millisecond for one.
const CPU = named("CPU, all threads, µs an event", "cpu", 0, 100);
const SIZE = named("journal grows, bytes an event", "size", 0);
const WRITTEN = named("written to disk, bytes an event", "written", 0);
const COMMITS = named("commits (syncs) an event", "commits", 4);
const MEMORY = named("most resident memory, MB", "memory", 0);
const PAGE = named("page of 50 runs, p99, ms", "pageP99", 1);

const usual = { subject: "sluice", durable: true, processes: 1, inFlight: 512 } as const;

export const CURVES: readonly Curve[] = [
  {
    name: "in-flight",
    title: "Events in flight",
    xLabel: "events in flight",
    samples: over([1, 8, 64, 512, 4_000], (inFlight) => ({
      ...usual,
      inFlight,
      events: Math.min(60_000, 4_000 * inFlight),
    })),
    metrics: [RATE, CPU, COMMITS, SIZE, WRITTEN],
  },
  {
    name: "payload",
    title: "Payload",
    xLabel: "bytes of JSON",
    samples: over([0, 200, 1_000, 4_000, 16_000, 64_000], (payload) => ({
      ...usual,
      payload,
      events: Math.min(60_000, Math.ceil(120e6 / Math.max(1, payload))),
    })),
    metrics: [RATE, CPU, SIZE, WRITTEN],
  },
  {
    name: "fan-out",
    title: "Fan-out",
    xLabel: "processes that each event goes to",
    samples: over([1, 2, 4, 8, 16], (processes) => ({
      ...usual,
      processes,
      events: Math.ceil(60_000 / processes),
    })),
    metrics: [RATE, CPU, SIZE, WRITTEN],
  },
  {
    name: "links",
    title: "Links",
    xLabel: "processes, each linked for another location",
    samples: over([1, 10, 100, 1_000], (routes) => ({ ...usual, routes, events: 40_000 })),
    metrics: [RATE, CPU, MEMORY],
  },
  {
    name: "history",
    title: "History",
    xLabel: "finished runs in the journal",
    async prepare(folder) {
      for (const runs of [10_000, 100_000, 1_000_000]) await fillJournal(`${folder}/${runs}.db`, runs);
    },
    samples: Object.fromEntries(
      [0, 10_000, 100_000, 1_000_000].map((runs): [string, Sampling] => [
        inShort(runs),
        (folder) =>
          throughput({
            ...usual,
            events: 40_000,
            reading: true,
            ...(runs > 0 && { journal: `${folder}/${runs}.db` }),
          })(),
      ]),
    ),
    metrics: [RATE, CPU, PAGE],
  },
  {
    name: "backlog",
    title: "Backlog",
    xLabel: "runs queued at once",
    samples: Object.fromEntries(
      [1_000, 10_000, 100_000, 500_000].map((events): [string, Sampling] => [
        inShort(events),
        () => ({ program: "programs/backlog.ts", options: { events } }),
      ]),
    ),
    metrics: [
      named("queued, events/s", "queueRate", 0),
      named("drained, events/s", "drainRate", 0),
      CPU,
      MEMORY,
    ],
  },
];

function over(
  values: readonly number[],
  optionsOf: (value: number) => ThroughputOptions,
): Readonly<Record<string, Sampling>> {
  // Names that look like numbers are listed first and by their size: here, all small ones.
  return Object.fromEntries(values.map((value) => [inShort(value), throughput(optionsOf(value))]));
}
