import type { Scenario } from "../scenario.ts";
import { againstFloor, throughput } from "./throughput.ts";

const load = { durable: true, processes: 1, inFlight: 100, events: 50_000 } as const;

export const scenario: Scenario = {
  name: "B",
  title: "durable, end to end, 100 in flight, 1 process of concurrency 8",
  samples: {
    floor: throughput({ ...load, subject: "floor" }),
    sluice: throughput({ ...load, subject: "sluice" }),
  },
  measures: againstFloor(0.5),
};
