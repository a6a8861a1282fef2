import fc from "fast-check";
import { expect, test } from "vitest";
import { datasetsMeet, formatDataset, parseDataset, type Dataset } from "./dataset.ts";

test.each<[string, Dataset]>([
  ["raw.orders", { namespace: null, name: "raw.orders", operations: null }],
  ["raw.orders:create", { namespace: null, name: "raw.orders", operations: ["create"] }],
  ["raw.orders:insert,UPDATE", { namespace: null, name: "raw.orders", operations: ["create", "update"] }],
  [
    "postgres://host/db/raw.orders:delete",
    { namespace: "postgres://host/db", name: "raw.orders", operations: ["delete"] },
  ],
  ["kafka://cluster/topic", { namespace: "kafka://cluster", name: "topic", operations: null }],
  ["file:/var/data/a.csv", { namespace: null, name: "file:/var/data/a.csv", operations: null }],
  ["raw.orders:created", { namespace: null, name: "raw.orders:created", operations: null }],
])("%s is read", (text, dataset) => {
  expect(parseDataset(text)).toEqual(dataset);
});

test("nothing names no dataset", () => {
  expect(() => parseDataset("")).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
});

const operations = fc.option(
  fc.uniqueArray(fc.constantFrom("create", "read", "update", "delete" as const), { minLength: 1 }),
);
const dataset: fc.Arbitrary<Dataset> = fc.record({
  namespace: fc.constantFrom(null, "postgres://host/db", "kafka://cluster"),
  name: fc.stringMatching(/^[a-z][a-z0-9_.]{0,20}$/),
  operations,
});

test("what is printed reads back", () => {
  fc.assert(
    fc.property(dataset, (one) => {
      expect(parseDataset(formatDataset(one))).toEqual(one);
    }),
  );
});

test("datasets meet if names, namespaces and operations can be the same", () => {
  const raw = parseDataset("raw.orders");
  expect(datasetsMeet(parseDataset("raw.orders:create"), raw)).toBe(true);
  expect(datasetsMeet(parseDataset("raw.orders:create"), parseDataset("raw.orders:update"))).toBe(false);
  expect(datasetsMeet(parseDataset("postgres://a/b/raw.orders"), raw)).toBe(true);
  expect(
    datasetsMeet(parseDataset("postgres://a/b/raw.orders"), parseDataset("postgres://a/c/raw.orders")),
  ).toBe(false);
  expect(datasetsMeet(parseDataset("raw.items"), raw)).toBe(false);
});

test("meeting is mutual", () => {
  fc.assert(
    fc.property(dataset, dataset, (a, b) => {
      expect(datasetsMeet(a, b)).toBe(datasetsMeet(b, a));
    }),
  );
});
