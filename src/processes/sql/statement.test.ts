import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Event } from "../../model/event.ts";
import { bindValues, parseStatement, refusesTransaction } from "./statement.ts";

const event: Event = {
  location: "raw.orders",
  operation: "create",
  id: "7",
  trigger: "orders",
  uid: "01a20c82-07b0-73cb-9e91-79e52df240ee",
  time: "2026-11-24T07:42:57.968Z",
  key: "raw.orders/7",
  data: {
    total: "12.50",
    n: 3,
    ok: false,
    items: [{ sku: "a" }],
    none: null,
    "odd name": 'say "x"',
    nested: { a: 1 },
  },
  headers: { "ce-type": "order", region: "eu" },
};
const bound = (sql: string): unknown[] => bindValues(parseStatement(sql), event);

describe("named parameters", () => {
  test("are bound in the order in which they stand, each place with its own", () => {
    const statement = parseStatement("insert into t values (:id, :data.total::numeric, :id)");
    expect(statement.text).toBe("insert into t values ($1, $2::numeric, $3)");
    expect(bindValues(statement, event)).toEqual(["7", "12.50", "7"]);
  });

  test("reach every field, paths into data and headers, list items, and quoted names", () => {
    expect(bound("select :uid, :location, :operation, :key, :time, :trigger")).toEqual([
      event.uid,
      "raw.orders",
      "create",
      "raw.orders/7",
      event.time,
      "orders",
    ]);
    expect(bound('select :data.items.0.sku, :data."odd name", :headers."ce-type", :headers.region')).toEqual([
      "a",
      'say "x"',
      "order",
      "eu",
    ]);
  });

  test("hand on text digit for digit, other scalars as text, the rest as JSON", () => {
    expect(bound("select :data.total, :data.n, :data.ok, :data.nested, :data.items")).toEqual([
      "12.50",
      "3",
      "false",
      '{"a":1}',
      '[{"sku":"a"}]',
    ]);
  });

  test("are null where there is nothing, and never reach into prototypes", () => {
    expect(
      bound(
        "select :data.missing, :data.none, :data.total.length, :data.constructor, :data.__proto__.x, :headers.no",
      ),
    ).toEqual(Array.from({ length: 6 }, () => null));
    expect(bindValues(parseStatement("select :data, :data.a"), { ...event, data: undefined })).toEqual([
      null,
      null,
    ]);
  });

  test("bind the whole data as jsonb", () => {
    expect(parseStatement("insert into t values (:data)").text).toBe("insert into t values ($1::jsonb)");
    expect(bound("select :data")).toEqual([JSON.stringify(event.data)]);
  });

  test.each([
    "select ':id'",
    "select 'it''s :id'",
    String.raw`select E'\':id', e'\\' || 'x:id'`,
    'select ":id" from "a"":id"',
    "select 1 -- :id\n",
    "select 1 /* :id /* :id */ :id */",
    "select $$ :id $$, $a$ $$ :id $a$",
    "select 'a'::text, b::int, c :: uuid",
    "select f(a := 1), array[1,2,3][1:2]",
    "select '{\"a\": 1}'::jsonb @> '{}' and x ? 'y:id'",
    "select U&'\\0041:id', B'1', x':id'",
    "select a$1, b$id$c from t where $$x$$ = ''",
  ])("are not seen in %s", (sql) => {
    expect(parseStatement(sql)).toEqual({ text: sql, parameters: [] });
  });

  test("are found right after what must not hide them", () => {
    expect(parseStatement("select '':: text,:id/*:id*/+:id--:id\n+:id $a$:id$a$").parameters).toHaveLength(3);
    expect(parseStatement("select '\\', :id").parameters).toEqual([["id"]]);
    expect(parseStatement("select 1 / 2 * :id").parameters).toEqual([["id"]]);
    expect(parseStatement("select :data.total.").text).toBe("select $1.");
  });

  test.each([
    ["select :ids", /:ids is no value of an event/],
    ["select a[1:n]", /followed by a space/],
    ["select $1", /\$1 is no value/],
    ["  ; -- nothing", /empty/],
    ["commit", /controls the transaction/],
    ["/* x */ ROLLBACK", /controls the transaction/],
    ["start  transaction", /controls the transaction/],
  ])("%s is refused when the pipeline is read", (sql, message) => {
    expect(() => parseStatement(sql)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTIONS", message: expect.stringMatching(message) }),
    );
  });

  test("savepoints are no transaction control", () => {
    parseStatement("savepoint a");
    parseStatement("rollback to a");
    parseStatement("rollback to savepoint a");
  });

  test("are found wherever they stand between pieces of SQL that must not be looked into", () => {
    const opaque = fc.oneof(
      fc.string().map((text) => `'${text.replaceAll("'", "''")}'`),
      fc.string().map((text) => `"${text.replaceAll('"', '""')}"`),
      fc.string().map((text) => `-- ${text.replace(/[\n\r]/g, "")}\n`),
      fc.string().map((text) => `/* ${text.replace(/[*/]/g, "")} :id */`),
      fc.string().map((text) => `$q$${text.replaceAll("$", "")}$q$`),
      fc.constantFrom("a::int", "x := 1", "select", "(", ")", ",", "a.b", "1.5"),
    );
    const parameter = fc.constantFrom(":id", ":data.total", ':data."a""b"', ":headers.x");
    fc.assert(
      fc.property(fc.array(fc.oneof(opaque, parameter), { minLength: 1 }), (pieces) => {
        const sql = `select ${pieces.join(" ")}`;
        const statement = parseStatement(sql);
        const wanted = pieces.filter((piece) => /^:(?:id|data|headers)/.test(piece));
        expect(statement.parameters).toHaveLength(wanted.length);
        // Put back in, the parameters give the statement that was written: nothing else was touched.
        let next = 0;
        const marks = statement.text.split(/(?<= )(\$\d+)(?= |$)/);
        const back = marks.map((part) =>
          part === `$${next + 1}` && wanted[next] !== undefined ? wanted[next++] : part,
        );
        expect(back.join("")).toBe(sql);
      }),
    );
  });
});

test.each([
  "vacuum analyze t",
  "VACUUM (FULL) t",
  "create unique index concurrently on t (id)",
  "/* now */ drop index concurrently if exists i",
  "reindex (verbose) table concurrently t",
  "reindex schema public",
  "create database d",
  "alter system set work_mem = '1GB'",
  "alter table t detach partition p concurrently",
  "cluster;",
])("%s refuses a transaction", (sql) => {
  expect(refusesTransaction(sql)).toBe(true);
});

test.each([
  "create index on t (id)",
  "insert into t values ('vacuum')",
  "reindex table t",
  "create table database (id int)",
  "cluster t using i",
  "refresh materialized view concurrently m",
  "select 'x' -- create database d",
])("%s does not", (sql) => {
  expect(refusesTransaction(sql)).toBe(false);
});
