import { expect, test } from "vitest";
import { drawPlot, inShort } from "./plot.ts";

const figure = (median: number) => ({ median, least: median / 2, most: median * 2 });

test("a plot has a point for each x of each panel, within its frame", () => {
  const svg = drawPlot({
    title: "cost & <scale>",
    xLabel: "events",
    xs: ["1", "10", "100"],
    panels: [
      { label: "events/s", figures: [figure(1), figure(30_000), figure(12)] },
      { label: "nothing at all", figures: [figure(0), figure(0), figure(0)] },
    ],
  });
  const heights = [...svg.matchAll(/cy="([^"]+)"/g)].map(([, y]) => Number(y));
  expect(heights).toHaveLength(6);
  for (const height of heights) {
    expect(height).toBeGreaterThanOrEqual(36);
    expect(height).toBeLessThanOrEqual(198);
  }
  expect(svg).toContain("cost &amp; &lt;scale&gt;");
});

test("large numbers are told in short", () => {
  expect([0, 0.25, 999, 1_500, 2_000_000].map(inShort)).toEqual(["0", "0.25", "999", "1.5k", "2M"]);
});
