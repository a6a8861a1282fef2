import { expect, onTestFinished, test, vi } from "vitest";
import { SluiceError } from "../model/errors.ts";
import { createLogger, forPeople } from "./log.ts";

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

test("an error that was foreseen has no stack; of one that was not, it is wanted", () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
  onTestFinished(() => write.mockRestore());
  const logger = createLogger((text) => text);
  logger.error(
    { err: new SluiceError("SOURCE_UNAVAILABLE", "cannot connect", { cause: new Error("refused") }) },
    "a",
  );
  logger.error({ err: new TypeError("no stock") }, "b");
  const [foreseen, other] = lines.map((line) => JSON.parse(line) as { err: object });
  expect(foreseen?.err).toEqual({
    type: "SluiceError",
    code: "SOURCE_UNAVAILABLE",
    message: "cannot connect",
  });
  expect(other?.err).toMatchObject({ type: "TypeError", stack: expect.stringContaining("log.test.ts") });
});
