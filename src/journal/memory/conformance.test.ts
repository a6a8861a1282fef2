import { testJournal } from "../../testing/journal/index.ts";
import { createMemoryJournal } from "./journal.ts";

testJournal({
  name: "memory:",
  capabilities: { durable: false, shared: false },
  createPlace: async () => ({
    driver: () => createMemoryJournal(),
    crash: () => Promise.reject(new Error("nothing is left of it")),
    remove: async () => undefined,
  }),
});
