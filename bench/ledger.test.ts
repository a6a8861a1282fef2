import { expect, test } from "vitest";
import { Ledger } from "./ledger.ts";

test("a ledger finds what was lost and what was doubled, a process at a time", () => {
  const ledger = new Ledger(3, 2);
  for (const id of ["0", "1", "2"]) ledger.count(0, id);
  for (const id of ["0", "2", "2"]) ledger.count(1, id);
  expect(ledger.audit()).toEqual({ lost: 1, doubled: 1 });
});

test("a ledger takes nothing that was not emitted", () => {
  expect(() => new Ledger(3, 1).count(0, "3")).toThrow("never emitted");
});
