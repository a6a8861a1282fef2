import { expect, test } from "vitest";
import { figure, percentile } from "./figure.ts";

test("a figure is the median with its spread", () => {
  expect(figure([5, 1, 3])).toEqual({ median: 3, least: 1, most: 5 });
  expect(figure([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4 });
  expect(() => figure([])).toThrow(RangeError);
});

test("a percentile lies between two values by proportion", () => {
  expect(percentile([10, 20, 30, 40, 50], 0.75)).toBe(40);
  expect(percentile([10, 20], 0.99)).toBeCloseTo(19.9);
});
