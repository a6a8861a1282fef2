import { it } from "vitest";
import { createSqlitePlace } from "../../src/journal/sqlite/place.test-helper.ts";
import { expectToFollowModel } from "./model-commands.ts";

const GROUPS = 10;
const LIVES = 25;

it.each(Array.from({ length: GROUPS }, (_, i) => i + 1))(
  `sqlite: runs do what the model of the state machine says, through crashes (${LIVES} lives, group %i)`,
  () => expectToFollowModel(() => createSqlitePlace(), true, LIVES),
);
