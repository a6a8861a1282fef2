import { expect, test } from "vitest";
import { childEnvironment } from "./environment.ts";

const identity = {
  run: "u/p",
  attempt: 2,
  fence: 9,
  event: "u",
  traceparent: "00-a",
  journal: "j",
  owner: "7:9",
};

test("a child's environment is a little of ours, what was configured, and who it is", () => {
  const own = {
    PATH: "/bin",
    HOME: "/root",
    LC_ALL: "C",
    TZ: "UTC",
    AWS_SECRET_ACCESS_KEY: "x",
    DATABASE_URL: "y",
  };
  expect(childEnvironment(identity, { A: "1", TZ: "CET" }, own)).toEqual({
    PATH: "/bin",
    HOME: "/root",
    LC_ALL: "C",
    TZ: "CET",
    A: "1",
    SLUICE_RUN: "u/p",
    SLUICE_ATTEMPT: "2",
    SLUICE_FENCE: "9",
    SLUICE_EVENT_UID: "u",
    TRACEPARENT: "00-a",
    SLUICE_JOURNAL: "j",
    SLUICE_OWNER: "7:9",
  });
});

test("who a child is cannot be configured away", () => {
  expect(childEnvironment(identity, { SLUICE_RUN: "other" }, {})["SLUICE_RUN"]).toBe("u/p");
});
