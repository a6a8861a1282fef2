import { expect, test } from "vitest";
import { fingerprintOf } from "./fingerprint.ts";

const of = (message: string, process = "p", code = "RUN_FAILED"): string =>
  fingerprintOf(process, { code, message });

test.each([
  ["order 17 is late", "order 9000 is late"],
  ['no customer "Ann"', 'no customer "Bob and others"'],
  ["run 0193c0de-0000-7000-8000-000000000001 failed", "run 0193c0de-ffff-7000-8000-0000000000ab failed"],
  ["commit 1a2b3c4d5e6f is gone", "commit ffffffff00 is gone"],
  ["at 10.0.0.1:5432", "at 192.168.7.12:6000"],
])("%j and %j are one error", (a, b) => {
  expect(of(a)).toBe(of(b));
});

test.each([
  ["order 17 is late", "order 17 is early"],
  ["deadbeef is a word", "facade is a word"],
])("%j and %j are two", (a, b) => {
  expect(of(a)).not.toBe(of(b));
});

test("another process or code makes another error", () => {
  expect(of("no", "a")).not.toBe(of("no", "b"));
  expect(of("no", "a", "TIMEOUT")).not.toBe(of("no", "a"));
});

test("a message of a megabyte is no reason to wait", () => {
  const started = performance.now();
  of(`"${"a'\"".repeat(400_000)}`);
  expect(performance.now() - started).toBeLessThan(100);
});
