import type { Scenario } from "../scenario.ts";
import { throughput, usual } from "./throughput.ts";

export const scenario: Scenario = {
  name: "I",
  title: "the event loop's delay under A",
  samples: {
    floor: throughput({ ...usual, subject: "floor" }),
    sluice: throughput({ ...usual, subject: "sluice" }),
  },
  measures: [
    {
      label: "p99",
      unit: "ms",
      digits: 1,
      of: (value) => value("sluice", "loopDelay"),
      aim: { atMost: 12 },
    },
    { label: "bare loop's", unit: "ms", digits: 1, of: (value) => value("floor", "loopDelay") },
  ],
};
