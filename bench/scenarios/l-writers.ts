import type { Scenario } from "../scenario.ts";
import { capture, prepareCapture } from "./capture.ts";

const writers = (subject: "none" | "outbox" | "replication"): ReturnType<typeof capture> =>
  capture({ measure: "writers", subject, rows: 20_000 });

export const scenario: Scenario = {
  name: "L",
  title: "what capture costs the writer: single-row inserts, 16 connections",
  prepare: prepareCapture,
  samples: { none: writers("none"), outbox: writers("outbox"), replication: writers("replication") },
  measures: [
    {
      label: "outbox, times slower",
      unit: "",
      digits: 2,
      of: (value) => value("none", "rate") / value("outbox", "rate"),
      aim: { atMost: 1.4 },
    },
    {
      label: "replication, times slower",
      unit: "",
      digits: 2,
      of: (value) => value("none", "rate") / value("replication", "rate"),
      aim: { atMost: 1.3 },
    },
    { label: "no trigger", unit: "inserts/s", digits: 0, of: (value) => value("none", "rate") },
  ],
};
