import { expect, test } from "vitest";
import { inputHealth, processHealth } from "../../ui/src/health.ts";
import type { InputRow, ProcessRow } from "../../ui/src/types.ts";

// The marks of docs/guides/page.md.

const INPUT: InputRow = {
  name: "orders",
  type: "cron",
  state: "running",
  restarts: 0,
  lastEventAt: null,
  lastError: null,
  silent: false,
  lag: null,
};

test.each([
  [{}, "ok", "running"],
  [{ silent: true }, "warn", "silent"],
  [{ state: "starting" }, "busy", "starting"],
  [{ state: "backing off", silent: true }, "warn", "backing off"],
  [{ state: "failed" }, "bad", "failed"],
  [{ state: "paused" }, "idle", "paused"],
  [{ state: "standby" }, "idle", "standby"],
])("an input with %o is marked %s: %s", (row, tone, word) => {
  expect(inputHealth({ ...INPUT, ...row })).toEqual({ tone, word });
});

const PROCESS: ProcessRow = {
  name: "report",
  type: "sql",
  state: "running",
  concurrency: 1,
  running: 0,
  abandoned: 0,
  lastError: null,
  runs: {},
};

test.each([
  [{}, "ok", "ready"],
  [{ running: 1 }, "busy", "working"],
  [{ state: "draining", running: 1 }, "busy", "draining"],
  [{ running: 1, runs: { retrying: 1 } }, "warn", "retrying"],
  [{ runs: { dead: 1, retrying: 1 } }, "warn", "has dead runs"],
  [{ state: "backing off" }, "bad", "cannot be opened"],
  [{ state: "paused", runs: { dead: 1 } }, "idle", "paused"],
])("a process with %o is marked %s: %s", (row, tone, word) => {
  expect(processHealth({ ...PROCESS, ...row }, false)).toEqual({ tone, word });
});

test("a process whose runs die is failing, unless it does not run", () => {
  expect(processHealth(PROCESS, true)).toEqual({ tone: "bad", word: "failing" });
  expect(processHealth({ ...PROCESS, state: "paused" }, true)).toEqual({ tone: "idle", word: "paused" });
});
