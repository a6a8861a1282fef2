import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "N",
  title: "a child process for an event, against a bare spawn of the same program, in turns",
  samples: { both: () => ({ program: "programs/child.ts", options: { runs: 200 } }) },
  measures: [
    {
      label: "p50, over the spawn's",
      unit: "ms",
      digits: 2,
      of: (value) => value("both", "sluice") - value("both", "spawn"),
      aim: { atMost: 1 },
    },
    { label: "spawn p50", unit: "ms", digits: 2, of: (value) => value("both", "spawn") },
    { label: "emit → settled p50, in memory", unit: "ms", digits: 2, of: (value) => value("both", "sluice") },
  ],
};
