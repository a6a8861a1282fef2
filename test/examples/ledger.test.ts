import { expect, test } from "vitest";
import { differences, expectedSales, type LedgerEntry } from "../../examples/orders/ledger.ts";

const entry = (changes: Partial<LedgerEntry>): LedgerEntry => ({
  delivery: "order-1.1",
  order: "order-1",
  version: 1,
  day: "2026-11-16",
  country: "DE",
  total: "10.10",
  flaw: null,
  status: 202,
  uid: "0193c0de-0000-7000-8000-000000000001",
  calls: 1,
  ...changes,
});
const second = { delivery: "order-1.2", version: 2 };
const sales = { day: "2026-11-16", region: "Europe", currency: "EUR", orders: 1, total: "10.10" };

test("an order that was told twice counts once", () => {
  expect(expectedSales([entry({}), entry({ status: 200 })])).toEqual([sales]);
});

test("what was refused does not count", () => {
  expect(expectedSales([entry({ status: 400, uid: null })])).toEqual([]);
});

test("an order that was changed counts as it was changed, in whatever order that was entered", () => {
  const changed = entry({ ...second, total: "7.00" });
  const expected = [{ ...sales, total: "7.00" }];
  expect(expectedSales([entry({}), changed])).toEqual(expected);
  expect(expectedSales([changed, entry({})])).toEqual(expected);
});

test("an invalid change leaves the order as it was", () => {
  expect(expectedSales([entry({}), entry({ ...second, flaw: "bad total", total: "-1.00" })])).toEqual([
    sales,
  ]);
});

test("cents add up exactly", () => {
  const orders = Array.from({ length: 10 }, (_, index) =>
    entry({ order: `order-${index}`, delivery: `order-${index}.1`, total: "0.10" }),
  );
  expect(expectedSales(orders)).toEqual([{ ...sales, orders: 10, total: "1.00" }]);
});

test("a row that differs, is missing or is too many is told", () => {
  expect(differences([sales], [sales])).toEqual([]);
  expect(differences([sales], [{ ...sales, total: "10.11" }])).toEqual([
    "2026-11-16 Europe EUR: ledger 1 orders, 10.10; warehouse 1 orders, 10.11",
  ]);
  expect(differences([sales], [])).toHaveLength(1);
  expect(differences([], [sales])).toHaveLength(1);
});
