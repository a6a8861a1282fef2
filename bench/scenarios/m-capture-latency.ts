import type { Scenario } from "../scenario.ts";
import { capture, prepareCapture } from "./capture.ts";

const latency = (subject: "outbox" | "replication"): ReturnType<typeof capture> =>
  capture({ measure: "latency", subject, rows: 200 });

export const scenario: Scenario = {
  name: "M",
  title: "INSERT committed to process started, idle, durable",
  prepare: prepareCapture,
  samples: { outbox: latency("outbox"), replication: latency("replication") },
  measures: [
    {
      label: "outbox p50",
      unit: "ms",
      digits: 2,
      of: (value) => value("outbox", "p50"),
      aim: { atMost: 2.5 },
    },
    {
      label: "replication p50",
      unit: "ms",
      digits: 2,
      of: (value) => value("replication", "p50"),
      aim: { atMost: 2.5 },
    },
    { label: "outbox p99", unit: "ms", digits: 2, of: (value) => value("outbox", "p99") },
    { label: "replication p99", unit: "ms", digits: 2, of: (value) => value("replication", "p99") },
  ],
};
