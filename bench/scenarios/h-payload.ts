import type { Scenario } from "../scenario.ts";
import { throughput, usual } from "./throughput.ts";

export const scenario: Scenario = {
  name: "H",
  title: "as A, with a payload of 1 KB",
  samples: {
    usual: throughput({ ...usual, subject: "sluice" }),
    large: throughput({ ...usual, subject: "sluice", payload: 1_024 }),
  },
  measures: [
    {
      label: "rate, of A's",
      unit: "",
      digits: 2,
      of: (value) => value("large", "rate") / value("usual", "rate"),
      aim: { atLeast: 0.6 },
    },
    { label: "with 1 KB", unit: "events/s", digits: 0, of: (value) => value("large", "rate") },
  ],
};
