import { expect, test } from "vitest";
import { forPeople } from "./log.ts";

test("a line of the log is one line for people, and drives no terminal", () => {
  const line = JSON.stringify({
    level: "warn",
    time: "2026-11-24T07:00:00.005Z",
    input: "orders\u001b[2J",
    restarts: 2,
    err: { type: "Error", message: "no\nstock", stack: "…" },
    msg: "it\nfailed",
  });
  expect(forPeople(line)).toMatch(
    /^\d\d:\d\d:00\.005 warn {2}it\\nfailed {2}input=orders\\u001b\[2J {2}restarts=2 {2}error=no\\nstock\n$/,
  );
});
