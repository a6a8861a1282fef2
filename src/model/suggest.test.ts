import { expect, test } from "vitest";
import { didYouMean, nearest } from "./suggest.ts";

const NAMES = ["concurrency", "connection_string", "timeout", "name", "on"];

test.each([
  ["concurency", "concurrency"],
  ["tiemout", "timeout"],
  ["Timeout", "timeout"],
  ["conection_sting", "connection_string"],
  ["no", "on"],
  ["naem", "name"],
])("%s is near to %s", (word, candidate) => {
  expect(nearest(word, NAMES)).toBe(candidate);
  expect(didYouMean(word, NAMES)).toBe(`; did you mean "${candidate}"?`);
});

test.each(["", "schedule", "xyz", "x".repeat(100_000)])("%.20s is near to none", (word) => {
  expect(didYouMean(word, NAMES)).toBe("");
});
