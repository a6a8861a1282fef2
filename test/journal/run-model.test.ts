import { describe, it } from "vitest";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { createSqlitePlace } from "../../src/journal/sqlite/place.test-helper.ts";
import { expectToFollowModel } from "./model-commands.ts";

describe(
  "runs do what the model of the state machine says, whatever comes in which order",
  { timeout: 240_000 },
  () => {
    it("memory:", async () => {
      const place = {
        driver: () => createMemoryJournal(),
        crash: () => Promise.reject(new Error("nothing is left of it")),
        remove: async () => undefined,
      };
      await expectToFollowModel(async () => place, false, 1_000);
    });

    it("sqlite:, through crashes", () => expectToFollowModel(() => createSqlitePlace(), true, 30));
  },
);
