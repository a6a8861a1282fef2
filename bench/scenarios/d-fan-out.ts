import type { Scenario } from "../scenario.ts";
import { againstFloor, throughput } from "./throughput.ts";

const load = { durable: true, processes: 4, inFlight: 512, events: 30_000 } as const;

export const scenario: Scenario = {
  name: "D",
  title: "durable, fan-out to 4 processes of concurrency 8, 512 in flight",
  samples: {
    floor: throughput({ ...load, subject: "floor" }),
    sluice: throughput({ ...load, subject: "sluice" }),
  },
  measures: againstFloor(0.35),
};
