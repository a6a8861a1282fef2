import { expect, test } from "vitest";
import { configError } from "../config/issue.ts";
import { SluiceError, type ErrorCode } from "../model/errors.ts";
import { exitCodeOf } from "./failure.ts";

test.each<[ErrorCode, number]>([
  ["LISTENER_FAILED", 1],
  ["JOURNAL_OWNED", 1],
  ["JOURNAL_DAMAGED", 1],
  ["RUN_NOT_FOUND", 1],
  ["UNAUTHORIZED", 1],
  ["MODULE_NOT_FOUND", 2],
  ["MISSING_DEPENDENCY", 2],
  ["UNSET_REFERENCE", 2],
  ["INSECURE_LISTENER", 2],
  ["DUPLICATE_LINK", 2],
  ["HOOK_PATH", 2],
  ["UNKNOWN_NAME", 2],
  ["INVALID_QUERY", 2],
  ["NOTHING_TO_TALK_TO", 3],
  ["NOT_RUNNING", 3],
])("%s ends with %i", (code, exit) => {
  expect(exitCodeOf(new SluiceError(code, "why"))).toBe(exit);
});

test("whatever is wrong with a config file ends with 2", () => {
  const issue = { file: "a.toml", line: 1, column: 1, code: "MISSING_DEPENDENCY", message: "why" } as const;
  expect(exitCodeOf(configError([issue]))).toBe(2);
});

test("what was not foreseen ends with 1", () => {
  expect(exitCodeOf(new TypeError("why"))).toBe(1);
});
