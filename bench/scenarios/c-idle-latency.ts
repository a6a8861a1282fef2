import type { Scenario } from "../scenario.ts";

const PROGRAM = "programs/latency.ts";

export const scenario: Scenario = {
  name: "C",
  title: "idle latency, emit → process start, durable; fdatasync spaced alike, in turns with it",
  samples: { both: () => ({ program: PROGRAM, options: { events: 500, spacing: 4 } }) },
  measures: [
    {
      label: "p50, over fdatasync's",
      unit: "ms",
      digits: 2,
      of: (value) => value("both", "startP50") - value("both", "diskP50"),
      aim: { atMost: 0.6 },
    },
    {
      label: "p99, over fdatasync's",
      unit: "ms",
      digits: 2,
      of: (value) => value("both", "startP99") - value("both", "diskP99"),
      aim: { atMost: 4 },
    },
    { label: "fdatasync p50", unit: "ms", digits: 2, of: (value) => value("both", "diskP50") },
    { label: "fdatasync p99", unit: "ms", digits: 2, of: (value) => value("both", "diskP99") },
    { label: "emit → start p50", unit: "ms", digits: 2, of: (value) => value("both", "startP50") },
    { label: "emit → start p99", unit: "ms", digits: 2, of: (value) => value("both", "startP99") },
  ],
};
