import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "E1",
  title: "in memory, 512 in flight, 1 process of concurrency 8",
  durable: false,
  events: 400_000,
  processes: 1,
  inFlight: 512,
  target: 0.3,
};
