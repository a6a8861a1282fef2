import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "N-CONTAINER",
  title: "a container for an event, against bare create, start, wait and remove of the same image, in turns",
  samples: { both: () => ({ program: "programs/container.ts", options: { runs: 20 } }) },
  measures: [
    {
      label: "p50, over the bare container's",
      unit: "ms",
      digits: 0,
      of: (value) => value("both", "sluice") - value("both", "bare"),
      aim: { atMost: 10 },
    },
    { label: "bare p50", unit: "ms", digits: 0, of: (value) => value("both", "bare") },
    { label: "emit → settled p50, in memory", unit: "ms", digits: 0, of: (value) => value("both", "sluice") },
  ],
};
