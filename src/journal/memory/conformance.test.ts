import { testJournal } from "../../testing/journal/index.ts";
import { createMemoryPlace } from "./place.test-helper.ts";

testJournal({
  name: "memory:",
  capabilities: { durable: false, shared: false },
  createPlace: createMemoryPlace,
});
