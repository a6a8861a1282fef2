import type { Scenario } from "../scenario.ts";
import { againstFloor, throughput } from "./throughput.ts";

const load = { durable: false, processes: 4, inFlight: 512, events: 200_000 } as const;

export const scenario: Scenario = {
  name: "E4",
  title: "in memory, 512 in flight, fan-out to 4 processes of concurrency 8",
  samples: {
    floor: throughput({ ...load, subject: "floor" }),
    sluice: throughput({ ...load, subject: "sluice" }),
  },
  measures: againstFloor(0.3),
};
