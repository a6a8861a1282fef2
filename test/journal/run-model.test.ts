import { describe, it } from "vitest";
import { createMemoryPlace } from "../../src/journal/memory/place.test-helper.ts";
import { createSqlitePlace } from "../../src/journal/sqlite/place.test-helper.ts";
import { expectToFollowModel } from "./model-commands.ts";

describe(
  "runs do what the model of the state machine says, whatever comes in which order",
  { timeout: 240_000 },
  () => {
    it("memory:", () => expectToFollowModel(() => createMemoryPlace(), false, 1_000));

    it("sqlite:, through crashes", () => expectToFollowModel(() => createSqlitePlace(), true, 30));
  },
);
