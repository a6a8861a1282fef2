import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRow } from "./exact-json.ts";

describe("parseRow", () => {
  test("gives the digits of exact columns as they were written, and leaves other columns alone", () => {
    const text = '{"id": 1, "total": 1.50, "tags": [1, [2.0]], "size": 2, "nothing": null}';
    expect(parseRow(text, ["total", "tags", "nothing"])).toEqual({
      id: 1,
      total: "1.50",
      tags: ["1", ["2.0"]],
      size: 2,
      nothing: null,
    });
  });

  test("does not touch a column that only shares its name with an exact one further up", () => {
    expect(parseRow('{"total": 5, "data": {"total": 5}}', ["total"])).toEqual({
      total: "5",
      data: { total: 5 },
    });
  });

  test("never rounds an integer that a JavaScript number cannot hold", () => {
    expect(parseRow('{"a": 9007199254740993, "b": {"c": [-12345678901234567890]}}', [])).toEqual({
      a: "9007199254740993",
      b: { c: ["-12345678901234567890"] },
    });
    expect(parseRow('{"a": 9007199254740991}', [])).toEqual({ a: 9_007_199_254_740_991 });
  });

  test("keeps columns called __proto__ and constructor as columns", () => {
    const row = parseRow('{"__proto__": 1, "constructor": 2}', ["__proto__", "constructor"]);
    expect(Object.entries(row)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
  });

  test("reads any JSON as JSON.parse does when nothing in it is exact or long", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (row) => {
        const text = JSON.stringify(row);
        fc.pre(!/\d{16}/.test(text));
        expect(parseRow(text, ["no such column"])).toEqual(JSON.parse(text));
      }),
    );
  });

  test("gives every bigint of an exact column back digit for digit", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.string(), (value, other) => {
        const text = `{"id": ${value}, "other": ${JSON.stringify(other)}}`;
        expect(parseRow(text, ["id"])).toEqual({ id: String(value), other });
      }),
    );
  });
});
