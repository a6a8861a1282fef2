import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "E4",
  title: "in memory, 512 in flight, fan-out to 4 processes of concurrency 8",
  durable: false,
  events: 200_000,
  processes: 4,
  inFlight: 512,
  target: 0.3,
};
