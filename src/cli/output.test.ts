import { expect, test } from "vitest";
import { table } from "./output.ts";

test("columns are as wide as their widest cell, and cells cannot break out of them", () => {
  expect(
    table(
      ["A", "LAST"],
      [
        ["long\u001b[31m", 1],
        [{ text: "b", paint: (text) => `<${text}>` }, "x\ny"],
      ],
    ),
  ).toBe(["A               LAST", "long\\u001b[31m  1", "<b             >  x\\ny"].join("\n"));
});
