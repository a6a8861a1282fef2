import { fillJournal } from "../fill-journal.ts";
import type { Scenario } from "../scenario.ts";
import { throughput } from "./throughput.ts";

const load = {
  subject: "sluice",
  durable: true,
  processes: 1,
  inFlight: 512,
  events: 60_000,
  reading: true,
} as const;

export const scenario: Scenario = {
  name: "F",
  title:
    "a million finished runs in the journal, against an empty one; near 100 pages of runs a second read from each",
  prepare: (folder) => fillJournal(`${folder}/million.db`, 1_000_000),
  samples: {
    empty: throughput(load),
    full: (folder) => throughput({ ...load, journal: `${folder}/million.db` })(),
  },
  measures: [
    {
      label: "rate, of the empty journal's",
      unit: "",
      digits: 2,
      of: (value) => value("full", "rate") / value("empty", "rate"),
      aim: { atLeast: 0.9 },
    },
    {
      label: "a page of 50 runs, p99",
      unit: "ms",
      digits: 1,
      of: (value) => value("full", "pageP99"),
      aim: { atMost: 20 },
    },
    { label: "the same, empty journal", unit: "ms", digits: 1, of: (value) => value("empty", "pageP99") },
    { label: "empty journal", unit: "events/s", digits: 0, of: (value) => value("empty", "rate") },
    { label: "full journal", unit: "events/s", digits: 0, of: (value) => value("full", "rate") },
  ],
};
