import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDataset } from "../model/dataset.ts";
import { isSluiceError } from "../model/errors.ts";
import { datasetOf, formatTable, parseAddress, parseTable, quoteIdentifier } from "./names.ts";

describe("a table's name", () => {
  test.each([
    ["orders", { schema: "public", table: "orders" }],
    ["raw.orders", { schema: "raw", table: "orders" }],
    ["Raw.Orders", { schema: "Raw", table: "Orders" }],
    ['raw."a.b"', { schema: "raw", table: "a.b" }],
    ['"a.b"."c""d"', { schema: "a.b", table: 'c"d' }],
    ['x"; DROP TABLE y; --', { schema: "public", table: 'x"; DROP TABLE y; --' }],
    ["größe", { schema: "public", table: "größe" }],
  ])("%s is read literally", (text, table) => {
    expect(parseTable(text)).toEqual(table);
  });

  test.each(["", ".", "a.", ".a", "a.b.c", "a..b", '"a', "a".repeat(64), "ü".repeat(32), '"a"b'])(
    "%j is refused",
    (text) => {
      expect(() => parseTable(text)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
    },
  );

  test("is quoted so that it stays one identifier", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        const quoted = quoteIdentifier(name);
        expect(quoted.slice(1, -1).replaceAll('""', "")).not.toContain('"');
        expect(quoted.slice(1, -1).replaceAll('""', '"')).toBe(name);
      }),
    );
  });
});

describe("a connection string", () => {
  test("is read without its secrets in what messages show", () => {
    const address = parseAddress("postgres://me:p%40ss@db.example:6543/ware%20house?sslmode=require");
    expect(address).toEqual({ host: "db.example", port: 6543, database: "ware house", password: "p@ss" });
  });

  test.each(["", "nonsense", "mysql://h/db", "postgres://me:top secret#1@:x/db", "postgres://u:%zz@h/db"])(
    "%j is refused without being repeated",
    (text) => {
      try {
        parseAddress(text);
        expect.unreachable();
      } catch (error) {
        expect(isSluiceError(error, "INVALID_OPTIONS")).toBe(true);
        if (text !== "") expect(String((error as Error).stack)).not.toContain(text);
      }
    },
  );
});

test("a dataset names server, database and table, and reads back whatever they are called", () => {
  const address = parseAddress("postgres://me:secret@localhost/shop");
  expect(datasetOf(address, parseTable("raw.orders"))).toBe("postgres://localhost:5432/shop/raw.orders");
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.constantFrom(undefined, ["create"], ["update", "delete"]),
      (table, ops) => {
        const dataset = parseDataset(datasetOf(address, { schema: "raw", table }, ops));
        expect(dataset.namespace).toBe("postgres://localhost:5432/shop");
        expect(decodeURIComponent(dataset.name)).toBe(formatTable({ schema: "raw", table }));
        expect(dataset.operations).toEqual(ops ?? null);
      },
    ),
  );
});
