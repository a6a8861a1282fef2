import type { Scenario } from "../scenario.ts";
import { againstFloor, throughput } from "./throughput.ts";

const load = { durable: false, processes: 1, inFlight: 512, events: 400_000 } as const;

export const scenario: Scenario = {
  name: "E1",
  title: "in memory, 512 in flight, 1 process of concurrency 8",
  samples: {
    floor: throughput({ ...load, subject: "floor" }),
    sluice: throughput({ ...load, subject: "sluice" }),
  },
  measures: againstFloor(0.3),
};
