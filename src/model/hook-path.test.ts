import { expect, test } from "vitest";
import { isReservedPath } from "./hook-path.ts";

test.each(["/", "//x", "/api", "/api/v1/runs", "/API", "/metrics", "/metrics/x", "/healthz", "/readyz/"])(
  "%s is ours",
  (path) => {
    expect(isReservedPath(path)).toBe(true);
  },
);

test.each(["/hooks", "/apis", "/apis/api", "/in/metrics", "/health"])("%s is a hook's to take", (path) => {
  expect(isReservedPath(path)).toBe(false);
});
