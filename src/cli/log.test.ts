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

test("what the message says of an error already is not said twice", () => {
  const line = JSON.stringify({
    level: "error",
    time: "2026-11-24T07:00:00.005Z",
    code: "INPUT_FAILED",
    err: { type: "Error", message: "no stock", stack: "…" },
    msg: 'input "orders" failed: no stock',
  });
  expect(forPeople(line)).toMatch(/ error input "orders" failed: no stock {2}code=INPUT_FAILED\n$/);
});
