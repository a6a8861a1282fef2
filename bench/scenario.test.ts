import { expect, test } from "vitest";
import { figure } from "./scenario.ts";

test("a figure is the median with its spread", () => {
  expect(figure([5, 1, 3])).toEqual({ median: 3, least: 1, most: 5 });
  expect(figure([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4 });
  expect(() => figure([])).toThrow(RangeError);
});
