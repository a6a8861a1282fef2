import type { Scenario } from "../scenario.ts";
import { throughput, usual } from "./throughput.ts";

export const scenario: Scenario = {
  name: "P",
  title: "processor time of all threads under A",
  samples: {
    floor: throughput({ ...usual, subject: "floor" }),
    sluice: throughput({ ...usual, subject: "sluice" }),
  },
  measures: [
    {
      label: "CPU",
      unit: "s per 10,000 events",
      digits: 3,
      of: (value) => value("sluice", "cpu"),
      aim: { atMost: 0.3 },
    },
    { label: "bare loop's", unit: "s", digits: 3, of: (value) => value("floor", "cpu") },
  ],
};
