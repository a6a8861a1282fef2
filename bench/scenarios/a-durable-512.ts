import type { Scenario } from "../scenario.ts";
import { againstFloor, throughput, usual } from "./throughput.ts";

export const scenario: Scenario = {
  name: "A",
  title: "durable, end to end, 512 in flight, 1 process of concurrency 8",
  samples: {
    floor: throughput({ ...usual, subject: "floor" }),
    sluice: throughput({ ...usual, subject: "sluice" }),
  },
  measures: againstFloor(0.4),
};
