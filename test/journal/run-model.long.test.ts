import { it } from "vitest";
import { createSqlitePlace } from "../../src/journal/sqlite/place.test-helper.ts";
import { expectToFollowModel } from "./model-commands.ts";

it("sqlite: runs do what the model of the state machine says, through crashes", () =>
  expectToFollowModel(() => createSqlitePlace(), true, 200));
