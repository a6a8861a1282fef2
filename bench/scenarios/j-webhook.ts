import type { SampleRequest, Scenario } from "../scenario.ts";

const webhook = (server: string) => (): SampleRequest => ({
  program: "programs/webhook.ts",
  options: { server, requests: 20_000, connections: 100 },
});

export const scenario: Scenario = {
  name: "J",
  title: "webhook in, durable, 100 connections, against a hono app that answers 202 and does nothing",
  samples: { hono: webhook("hono"), sluice: webhook("sluice"), unread: webhook("hono-unread") },
  measures: [
    {
      label: "rate, of hono's that parses the body",
      unit: "",
      digits: 2,
      of: (value) => value("sluice", "rate") / value("hono", "rate"),
      aim: { atLeast: 0.45 },
    },
    {
      label: "rate, of hono's that leaves the body unread",
      unit: "",
      digits: 2,
      of: (value) => value("sluice", "rate") / value("unread", "rate"),
    },
    { label: "hono", unit: "requests/s", digits: 0, of: (value) => value("hono", "rate") },
    { label: "sluice", unit: "requests/s", digits: 0, of: (value) => value("sluice", "rate") },
    { label: "hono p99", unit: "ms", digits: 1, of: (value) => value("hono", "p99") },
    { label: "sluice p99", unit: "ms", digits: 1, of: (value) => value("sluice", "p99") },
  ],
};
