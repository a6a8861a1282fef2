import { describe, expect, test } from "vitest";
import { surviveFault } from "./faults.ts";
import { whyNoStrace, type Injection } from "./strace.ts";

const reason = whyNoStrace();

const CASES: readonly Injection[] = [
  { call: "sync", error: "EIO", when: "1" },
  { call: "sync", error: "EIO", when: "13" },
  { call: "sync", error: "EIO", when: "20..24" },
  { call: "sync", error: "ENOSPC", when: "14" },
  // The first commit is refused, and yet found in the log once the file can be opened again.
  { call: "sync", error: "ENOSPC", when: "13..17" },
  { call: "sync", error: "EIO", when: "15+" },
  { call: "pwrite64", error: "EIO", when: "60" },
  { call: "pwrite64", error: "ENOSPC", when: "90..120" },
  { call: "pwrite64", error: "ENOSPC", when: "100+" },
];

describe("a host whose disk fails", () => {
  for (const injection of CASES) {
    const { call, error, when } = injection;
    test(`at its ${call} ${when} with ${error} acknowledges nothing falsely, goes on and loses nothing`, async ({
      skip,
    }) => {
      if (reason !== undefined) return skip(reason);
      const report = await surviveFault(injection);
      expect(report.stillborn || report.refused > 0).toBe(true);
    }, 60_000);
  }
});
