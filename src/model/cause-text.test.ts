import { expect, test } from "vitest";
import { formatCauseText, parseCauseText } from "./cause-text.ts";

const RUN = "0190163d-8694-739b-aea5-966c26f8ad91/enrich~2";
const TRACED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED = TRACED.replace(/01$/, "00");

test("a run alone, or one whose trace is recorded, comes back as it was", () => {
  expect(formatCauseText(RUN, undefined)).toBe(RUN);
  expect(parseCauseText(RUN)).toEqual({ runs: [RUN], hops: 0 });
  expect(parseCauseText(formatCauseText(RUN, TRACED))).toEqual({ runs: [RUN], hops: 0, traceparent: TRACED });
});

test("a trace that nobody records, or that has no room, is left out", () => {
  expect(formatCauseText(RUN, UNSAMPLED)).toBe(RUN);
  const long = `${RUN}${"x".repeat(100)}`;
  expect(formatCauseText(long, TRACED)).toBe(long);
  expect(formatCauseText("x".repeat(300), TRACED)).toHaveLength(200);
});

test.each([null, "", "junk", ";", `${RUN};`, `${RUN};junk`, `${RUN};${TRACED};`, `;${TRACED}`])(
  "%j is no cause",
  (text) => {
    expect(parseCauseText(text)).toBeUndefined();
  },
);
