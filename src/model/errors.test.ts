import { expect, test, vi } from "vitest";
import {
  isPermanentError,
  isRetryAfter,
  isSluiceError,
  PermanentError,
  SluiceError,
  toErrorRecord,
} from "./errors.ts";

test("an error of another copy of the package is recognised", async () => {
  vi.resetModules();
  const other = await import("./errors.ts");
  expect(other.SluiceError).not.toBe(SluiceError);

  const foreign = new other.SluiceError("TIMEOUT", "late");
  expect(foreign instanceof SluiceError).toBe(false);
  expect(isSluiceError(foreign)).toBe(true);
  expect(isSluiceError(foreign, "TIMEOUT")).toBe(true);
  expect(isSluiceError(foreign, "CANCELLED")).toBe(false);
  expect(isPermanentError(new other.PermanentError("no"))).toBe(true);
  expect(isRetryAfter(new other.RetryAfter("later", { delay: 5 }))).toBe(true);
});

test.each([
  undefined,
  null,
  "TIMEOUT",
  new Error("x"),
  { code: "TIMEOUT" },
  Object.assign(new Error("x"), { code: "TIMEOUT", name: "SluiceError" }),
])("%o is none of ours", (value) => {
  expect(isSluiceError(value)).toBe(false);
  expect(isPermanentError(value)).toBe(false);
  expect(isRetryAfter(value)).toBe(false);
});

test("an error keeps its code, cause and details, and its mark does not show", () => {
  const cause = new Error("root");
  const error = new SluiceError("CYCLE", "a → b → a", { cause, details: { path: ["a", "b"] } });
  expect(error).toMatchObject({ name: "SluiceError", code: "CYCLE", cause, details: { path: ["a", "b"] } });
  expect(Object.getOwnPropertySymbols({ ...error })).toEqual([]);
  expect("cause" in new SluiceError("CYCLE", "no cause")).toBe(false);
});

test.each<[string, unknown, { code: string; message: string }]>([
  ["an error with a code", new SluiceError("TIMEOUT", "late"), { code: "TIMEOUT", message: "late" }],
  [
    "an error of the system",
    Object.assign(new Error("gone"), { code: "ECONNRESET" }),
    { code: "ECONNRESET", message: "gone" },
  ],
  ["a plain error", new Error("boom"), { code: "RUN_FAILED", message: "boom" }],
  ["an error without a message", new TypeError(""), { code: "RUN_FAILED", message: "TypeError" }],
  ["text", "boom", { code: "RUN_FAILED", message: "boom" }],
  ["nothing", undefined, { code: "RUN_FAILED", message: "undefined" }],
  ["null", null, { code: "RUN_FAILED", message: "null" }],
  ["a number for a code", { code: 7, message: "x" }, { code: "RUN_FAILED", message: "x" }],
  [
    "a permanent error",
    new PermanentError("no", { code: "HTTP_STATUS" }),
    { code: "HTTP_STATUS", message: "no" },
  ],
  ["a symbol", Symbol("s"), { code: "RUN_FAILED", message: "Symbol(s)" }],
])("what is kept of %s", (_what, thrown, kept) => {
  expect(toErrorRecord(thrown)).toEqual(kept);
});

test("a long message is cut", () => {
  const { message } = toErrorRecord(new Error("x".repeat(1_000_000)));
  expect(message).toHaveLength(4_001);
  expect(message.endsWith("…")).toBe(true);
});

test("something that cannot be read as text is kept all the same", () => {
  const hostile = Object.create(null) as object;
  expect(toErrorRecord(hostile).code).toBe("RUN_FAILED");
  const trap = {
    get code(): string {
      throw new Error("trap");
    },
  };
  expect(toErrorRecord(trap).code).toBe("RUN_FAILED");
});
