// What the scenarios that measure throughput share.
import type { Measure, SampleRequest } from "../scenario.ts";
import type { ThroughputOptions } from "../programs/throughput.ts";

export function throughput(options: ThroughputOptions): () => SampleRequest {
  return () => ({ program: "programs/throughput.ts", options });
}

/** The ratio of the engine's rate to the bare loop's, and both. */
export function againstFloor(atLeast: number): readonly Measure[] {
  return [
    {
      label: "rate, of the bare loop's",
      unit: "",
      digits: 2,
      of: (value) => value("sluice", "rate") / value("floor", "rate"),
      aim: { atLeast },
    },
    { label: "bare loop", unit: "events/s", digits: 0, of: (value) => value("floor", "rate") },
    { label: "sluice", unit: "events/s", digits: 0, of: (value) => value("sluice", "rate") },
  ];
}

/** The engine's load of scenario A, and the bare loop's: other scenarios look at the same samples. */
export const usual = { durable: true, processes: 1, inFlight: 512, events: 80_000 } as const;
