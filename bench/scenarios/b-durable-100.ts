import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "B",
  title: "durable, end to end, 100 in flight, 1 process of concurrency 8",
  durable: true,
  events: 60_000,
  processes: 1,
  inFlight: 100,
  target: 0.5,
};
