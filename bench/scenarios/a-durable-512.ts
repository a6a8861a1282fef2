import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "A",
  title: "durable, end to end, 512 in flight, 1 process of concurrency 8",
  durable: true,
  events: 100_000,
  processes: 1,
  inFlight: 512,
  target: 0.4,
};
