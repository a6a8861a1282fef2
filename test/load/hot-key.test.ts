import { test } from "vitest";
import { blockedKey } from "./hot-key.ts";

test("a key with 10,000 runs that cannot go on holds up none of 10,000 other keys", async () => {
  await blockedKey(10_000, 10_000);
}, 60_000);
