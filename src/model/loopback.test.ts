import { expect, test } from "vitest";
import { isLoopback } from "./loopback.ts";

test.each(["127.0.0.1", "127.255.255.254", "::1", "localhost", "LocalHost"])("%s is loopback", (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each(["127.0.0.256", "127.0.0", "127.0.0.1.example", "127.0.0.1\n", "128.0.0.1", "0.0.0.0", "::", ""])(
  "%j is not loopback",
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);
