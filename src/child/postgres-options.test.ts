import { expect, test } from "vitest";
import { withCauseOption } from "./postgres-options.ts";

test("the run is appended to the options that are there, which stay first", () => {
  expect(withCauseOption({ A: "1" }, "u/copy~2")).toEqual({ A: "1", PGOPTIONS: "-c sluice.cause=u/copy~2" });
  const own = "-c statement_timeout=5s -c search_path=raw";
  expect(withCauseOption({ PGOPTIONS: own }, "u/copy")).toEqual({
    PGOPTIONS: `${own} -c sluice.cause=u/copy`,
  });
});

test("a trace that is recorded goes along", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const run = "0190163d-8694-739b-aea5-966c26f8ad91/copy";
  const { PGOPTIONS } = withCauseOption({}, run, traceparent);
  expect(PGOPTIONS).toBe(`-c sluice.cause=${run};${traceparent}`);
});

test("what would end the option is escaped, and what captures would cut is cut", () => {
  const { PGOPTIONS } = withCauseOption({}, String.raw`a b\c`);
  expect(PGOPTIONS).toBe(String.raw`-c sluice.cause=a\ b\\c`);
  expect(withCauseOption({}, "x".repeat(300))["PGOPTIONS"]).toHaveLength("-c sluice.cause=".length + 200);
});
