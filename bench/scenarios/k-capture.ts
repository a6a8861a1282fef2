import type { Scenario } from "../scenario.ts";
import { capture, prepareCapture } from "./capture.ts";

const bulk = (subject: "drain" | "client" | "outbox" | "replication"): ReturnType<typeof capture> =>
  capture({ measure: "bulk", subject, rows: 100_000 });

export const scenario: Scenario = {
  name: "K",
  title: "PostgreSQL capture of 100,000 rows to the process, durable, against bare clients",
  prepare: prepareCapture,
  samples: {
    drain: bulk("drain"),
    client: bulk("client"),
    outbox: bulk("outbox"),
    replication: bulk("replication"),
  },
  measures: [
    {
      label: "outbox",
      unit: "rows/s",
      digits: 0,
      of: (value) => value("outbox", "rate"),
      aim: { atLeast: 30_000 },
    },
    {
      label: "replication",
      unit: "rows/s",
      digits: 0,
      of: (value) => value("replication", "rate"),
      aim: { atLeast: 30_000 },
    },
    { label: "bare delete returning", unit: "rows/s", digits: 0, of: (value) => value("drain", "rate") },
    { label: "bare replication client", unit: "rows/s", digits: 0, of: (value) => value("client", "rate") },
  ],
};
