import { testJournal } from "../../testing/journal/index.ts";
import { createSqlitePlace } from "./place.test-helper.ts";

testJournal({
  name: "sqlite:",
  capabilities: { durable: true, shared: false },
  createPlace: () => createSqlitePlace(),
});
